import { Controller, Get } from '@nestjs/common';
import { CircuitOpenError } from '../../../lib/contracts/errors.js';
import { startHttpApp } from '../http-app.js';
import { RedisServer } from '../redis-server.js';
import type { WorkerContext } from '../worker-protocol.js';

/** What a worker process is like: for the tests of the fixture itself. */

export interface ProbeInput {
  readonly task: 'look' | 'meet' | 'serve' | 'throw' | 'die' | 'hang' | 'linger' | 'orphan-redis';
  readonly note?: string;
}

export interface ProbeReply {
  readonly index: number;
  readonly pid: number;
  readonly note?: string;
  readonly nowMs: number;
  readonly newDateMs: number;
  readonly timeOriginMs: number;
  readonly elapsedMs: number;
  readonly served?: string;
}

class Greeter {
  readonly greeting = 'hello';
}

/** Injected by the type of its parameter, which is known only from the metadata that the compiler emits. */
@Controller()
class GreetingController {
  constructor(private readonly greeter: Greeter) {}

  @Get()
  greet(): string {
    return this.greeter.greeting;
  }
}

export default async function probe({ task, note }: ProbeInput, context: WorkerContext): Promise<ProbeReply> {
  switch (task) {
    case 'look':
      return look(context, { ...(note !== undefined && { note }) });
    case 'meet':
      context.send(`${context.index} waits`);
      await context.barrier();
      context.send(`${context.index} goes on`);
      return look(context);
    case 'serve':
      return look(context, { served: await serve() });
    case 'throw':
      throw new CircuitOpenError('worker', 1);
    case 'die':
      console.error('last words');
      return process.exit(3);
    case 'hang':
      return await new Promise<never>(() => undefined);
    case 'linger':
      setInterval(() => undefined, 1_000);
      return look(context);
    case 'orphan-redis':
      context.send((await RedisServer.start()).port);
      process.kill(process.pid, 'SIGKILL');
      return look(context);
  }
}

function look({ index }: WorkerContext, more: Partial<ProbeReply> = {}): ProbeReply {
  return {
    index,
    pid: process.pid,
    nowMs: Date.now(),
    newDateMs: new Date().getTime(),
    timeOriginMs: performance.timeOrigin,
    elapsedMs: performance.now(),
    ...more,
  };
}

async function serve(): Promise<string> {
  await using http = await startHttpApp('express', { controllers: [GreetingController], providers: [Greeter] });
  return await (await fetch(http.url)).text();
}
