import { type ArgumentsHost, Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Decision } from '../../contracts/decision.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../../rate-limit.settings.js';
import { whenOver } from '../http/call-end.js';
import { rateLimitHeaders } from '../http/headers.js';
import { setHeaders, takesHeaders } from '../http/response.js';
import { addressOfUpgrade, isUpgradeRequest } from '../http/upgrade.js';
import { isObject, propertiesOf } from '../structure.js';
import type { Caller, LimitReach, RateLimitTransport, Refusal } from '../transport.js';
import { FastifyReplies } from './fastify-replies.js';
import { type OperationDecision, withField } from './operation-decision.js';
import { shownError } from './outage-error.js';

/**
 * Fields that a resolver of GraphQL answers. The request is that of the operation, from the context of Apollo or
 * Mercurius; of a subscription it is the one that opened the connection.
 */
@Injectable()
export class GraphqlTransport implements RateLimitTransport {
  readonly name = 'graphql';
  private readonly operations = new WeakMap<object, OperationDecision>();

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: Pick<RateLimitSettings, 'headers'>,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(FastifyReplies) private readonly replies: FastifyReplies,
  ) {}

  owns(call: ArgumentsHost): boolean {
    return call.getType<string>() === 'graphql';
  }

  caller(call: ArgumentsHost): Caller | undefined {
    const carrier = carrierOf(call);
    const request = requestOf(carrier);
    const extra = propertiesOf(propertiesOf(request)['extra'] ?? carrier['extra']);
    const { request: upgrade } = extra;
    if (isUpgradeRequest(upgrade)) {
      const user = extra['user'] ?? propertiesOf(upgrade)['user'] ?? carrier['user'];
      return { ip: addressOfUpgrade(this.host, upgrade), headers: upgrade.headers, user };
    }
    return isObject(request) ? request : undefined;
  }

  /** Each root field is a call, under each of its aliases; below it, and for references, only what a field declares. */
  reach(call: ArgumentsHost): LimitReach {
    const info = propertiesOf(infoOf(call));
    const isReference = call.getArgs<unknown[]>().length === 3;
    return isReference || propertiesOf(info['path'])['prev'] !== undefined ? 'own' : 'all';
  }

  /** Writes the headers of an operation for all its fields, again for each field. */
  show(call: ArgumentsHost, decision: Decision): void {
    const response = this.responseOf(carrierOf(call));
    if (response === undefined) return;
    const whole = withField(this.operations.get(response), decision);
    this.operations.set(response, whole);
    setHeaders(this.host, response, rateLimitHeaders(whole, this.settings.headers));
  }

  /** A field holds its slots until the operation is answered. */
  whenOver(call: ArgumentsHost, over: () => void): boolean {
    const response = this.responseOf(carrierOf(call));
    if (response === undefined) return false;
    whenOver(response, over);
    return true;
  }

  /** An error brings its extensions. */
  thrown(error: Error): Error {
    return shownError(error) as Error;
  }

  answer(_call: ArgumentsHost, _refusal: Refusal, error: Error): never {
    throw this.thrown(error);
  }

  private responseOf(carrier: Readonly<Record<string, unknown>>): object | undefined {
    const request = requestOf(carrier);
    const found = [carrier['res'], carrier['reply'], propertiesOf(request)['res'], this.replies.of(request)];
    return found.find(takesHeaders);
  }
}

/** The context of the operation comes before what is known of the field, which is last; a reference has no arguments. */
const carrierOf = (call: ArgumentsHost): Readonly<Record<string, unknown>> =>
  propertiesOf(call.getArgs<unknown[]>().at(-2));

const infoOf = (call: ArgumentsHost): unknown => call.getArgs<unknown[]>().at(-1);

const requestOf = (carrier: Readonly<Record<string, unknown>>): unknown =>
  carrier['req'] ?? carrier['request'] ?? propertiesOf(carrier['reply'])['request'];
