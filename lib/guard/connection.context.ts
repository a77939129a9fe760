import type { ExecutionContext, Type } from '@nestjs/common';

/**
 * The context of a client that connects to a gateway. Nest creates none, because it has no guards there.
 *
 * @param args the client, and for ws the request that opened the socket
 */
export function connectionContext(args: readonly unknown[], gateway: Type, handler: () => unknown): ExecutionContext {
  const at = (index: number) => (): unknown => args[index];
  const context = {
    getClass: () => gateway,
    getHandler: () => handler,
    getArgs: () => [...args],
    getArgByIndex: (index: number) => args[index],
    getType: () => 'ws',
    switchToWs: () => ({ getClient: at(0), getData: at(1), getPattern: () => 'connection' }),
    switchToHttp: () => ({ getRequest: at(0), getResponse: at(1), getNext: at(2) }),
    switchToRpc: () => ({ getData: at(0), getContext: at(1) }),
  };
  return context as unknown as ExecutionContext;
}
