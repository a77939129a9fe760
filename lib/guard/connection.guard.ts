import { type ExecutionContext, Inject, Injectable, Logger, type Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { isUnavailable } from '../contracts/errors.js';
import { isPromise, when } from '../contracts/maybe-promise.js';
import { RateLimitExceededException } from '../contracts/rate-limit-exceeded.exception.js';
import { Admission, asksForSlots } from '../limiter/admission.js';
import { Decider, type Outcome } from '../limiter/decider.js';
import { exceeded, type PolicyDecisionRequest } from '../limiter/decision-request.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { refusalOf } from '../transports/refusal.js';
import { disconnect, whenGone } from '../transports/websockets/client.js';
import { claim, guardConnections } from '../transports/websockets/connections.js';
import { WebSocketTransport } from '../transports/websockets/websocket.transport.js';
import { ChargeResolver } from './charge-resolver.js';
import { connectionContext } from './connection.context.js';

/** The metadata key by which Nest marks a gateway. */
const GATEWAY = 'websockets:is_gateway';

/** A client disconnected before it was admitted. */
class ConnectionEndedError extends Error {}

interface GatewayProvider {
  readonly metatype: unknown;
  readonly instance: unknown;
}

/**
 * Counts the clients that connect to gateways, by the module's `connect` and by the decorators of `handleConnection`. A
 * refused client gets an error and is disconnected, and `handleConnection` is not called.
 */
@Injectable()
export class ConnectionGuard {
  private readonly logger = new Logger('RateLimit');
  /** The gateways that each client has met: several may share a server, and one may call what its parent does. */
  private readonly met = new WeakMap<object, WeakSet<object>>();

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(ChargeResolver) private readonly resolver: ChargeResolver,
    @Inject(Decider) private readonly decider: Decider,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(WebSocketTransport) private readonly transport: WebSocketTransport,
  ) {}

  /** Wraps the gateways' classes, before Nest reads what they do when a client connects. */
  prepare(): void {
    for (const { metatype } of this.gateways()) guardConnections(metatype as Type);
  }

  /** Wraps the gateways of this application after they are created. */
  start(): void {
    for (const { instance } of this.gateways()) {
      claim(instance as object, (gateway, client, args, connect) => {
        this.transport.connected(client, args[0]);
        return this.settings.enabled && this.settings.bindGuard
          ? this.guarded(gateway, client, args, connect)
          : connect();
      });
    }
  }

  private guarded(gateway: object, client: object, args: unknown[], connect: () => unknown): unknown {
    const met = this.met.get(client);
    if (met?.has(gateway) === true) return connect();
    this.met.set(client, (met ?? new WeakSet()).add(gateway));
    const context = contextOf(gateway, client, args);
    const reach = met === undefined ? 'connection' : 'own';
    try {
      const passed = when(this.resolver.resolve(context, reach), (request) => {
        if (request === undefined) return connect();
        const deciding = asksForSlots(request) ? this.held(client, request) : this.decider.decide(request);
        return when(deciding, ({ decision }) =>
          decision.kind === 'limited' ? this.refuse(context, exceeded(request, decision)) : connect(),
        );
      });
      return isPromise(passed) ? passed.catch((error: unknown) => this.fail(context, error)) : passed;
    } catch (error) {
      return this.fail(context, error);
    }
  }

  /** A connection holds its slots until it ends; one that ends while it waits for them leaves the queue. */
  private async held(client: object, request: PolicyDecisionRequest): Promise<Outcome> {
    const over = new AbortController();
    whenGone(client, () => over.abort(new ConnectionEndedError()));
    const { outcome } = await this.admission.hold(request, over.signal);
    over.signal.throwIfAborted();
    return outcome;
  }

  private refuse(context: ExecutionContext, error: Error & { code: string }): void {
    this.transport.answer(context, refusalOf(error));
    disconnect(context.getArgByIndex(0));
  }

  /** Nest catches no error here: an error would end the process. */
  private fail(context: ExecutionContext, error: unknown): void {
    if (isUnavailable(error) || error instanceof RateLimitExceededException) return this.refuse(context, error);
    if (!(error instanceof ConnectionEndedError)) this.logger.error(error);
    disconnect(context.getArgByIndex(0));
  }

  private gateways(): readonly GatewayProvider[] {
    return [...this.modules.values()]
      .flatMap(({ providers }) => [...providers.values()])
      .filter(({ metatype }) => typeof metatype === 'function' && Reflect.hasMetadata(GATEWAY, metatype));
  }
}

function contextOf(gateway: object, client: object, args: unknown[]): ExecutionContext {
  const { handleConnection } = gateway as { readonly handleConnection: () => unknown };
  return connectionContext([client, ...args], gateway.constructor as Type, handleConnection);
}
