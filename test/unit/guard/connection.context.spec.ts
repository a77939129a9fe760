import type { ExecutionContext } from '@nestjs/common';
import { connectionContext } from '../../../lib/guard/connection.context.js';

class Chat {}

const handler = (): void => undefined;

describe('the context of a connection', () => {
  const [client, upgrade] = [{ id: 1 }, { headers: {} }];
  const args = [client, upgrade, 'third'];
  const contextOf = (): ExecutionContext => connectionContext(args, Chat, handler);

  it('names the gateway, and what it does when a client connects', () => {
    const context = contextOf();
    expect(context.getClass()).toBe(Chat);
    expect(context.getHandler()).toBe(handler);
    expect(context.getType()).toBe('ws');
  });

  it('has the client, and the request that opened the socket', () => {
    const context = contextOf();
    expect(context.getArgs()).toEqual(args);
    expect([0, 1, 2, 3].map((index) => context.getArgByIndex<unknown>(index))).toEqual([...args, undefined]);
    const socket = context.switchToWs();
    expect(socket.getClient()).toBe(client);
    expect(socket.getData()).toBe(upgrade);
    expect(socket.getPattern()).toBe('connection');
  });

  it('keeps its arguments, whatever is done to a list of them', () => {
    const context = contextOf();
    context.getArgs<unknown[]>().length = 0;
    expect(context.getArgs()).toEqual(args);
  });

  it('reads as other kinds of calls do', () => {
    const context = contextOf();
    const http = context.switchToHttp();
    expect([http.getRequest(), http.getResponse(), http.getNext<unknown>()]).toEqual(args);
    const rpc = context.switchToRpc();
    expect([rpc.getData(), rpc.getContext()]).toEqual([client, upgrade]);
  });
});
