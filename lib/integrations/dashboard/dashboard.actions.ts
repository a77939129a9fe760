import {
  BadRequestException,
  ForbiddenException,
  Inject,
  Injectable,
  NotFoundException,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import type { Breaker } from '../../breaker/breaker.js';
import type { Charge } from '../../contracts/backend.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import type { RateLimitPolicies } from '../../limiter/rate-limit-policies.js';
import { hashOfKey } from '../../observe/decision-event.js';
import { seriesOf } from '../metric-labels.js';
import { DashboardService } from './dashboard.service.js';
import type { HttpRequest } from './origin.js';

/** Deadline of what an action asks of a backend. */
const TIMEOUT_MS = 2_000;
/** Hot keys among which one is found by its hash. */
const LOOKED_THROUGH = 400;

type Action = (body: Readonly<Record<string, unknown>>) => object | Promise<object>;

/** What the page may change, where it may. @internal */
@Injectable()
export class DashboardActions {
  private readonly actions: ReadonlyMap<string, Action> = new Map<string, Action>([
    ['reset-key', (body) => this.resetKey(body)],
    ['reset-breaker', (body) => this.eachBreaker(body, (breaker) => breaker.reset())],
    ['override-policy', (body) => this.override(body)],
    ['remove-override', (body) => this.removeOverride(body)],
    ['shadow', (body) => this.shadow(body)],
    ['force-breaker', (body) => this.eachBreaker(body, (breaker) => breaker.forceOpen())],
  ]);

  constructor(@Inject(DashboardService) private readonly dashboard: DashboardService) {}

  /**
   * @throws ForbiddenException unless the option `actions` is on
   * @throws UnsupportedMediaTypeException for what a form could send
   */
  async act(name: string, { headers }: HttpRequest, body: unknown): Promise<object> {
    if (!this.dashboard.settings.actions) throw new ForbiddenException('Actions are off: set the option actions.');
    const type = headers['content-type'];
    if (typeof type !== 'string' || !/^application\/json\s*(?:;|$)/i.test(type)) {
      throw new UnsupportedMediaTypeException('Send application/json.');
    }
    const action = this.actions.get(name);
    if (action === undefined) throw new NotFoundException('There is no such action.');
    if (typeof body !== 'object' || body === null) throw new BadRequestException('Send a JSON object.');
    try {
      return await action(body as Readonly<Record<string, unknown>>);
    } catch (error) {
      // What the page sends is not the application's mistake.
      if (error instanceof RateLimitConfigurationError) throw new BadRequestException(error.message);
      throw error;
    }
  }

  /** Of `{ policy, key, to, until?, reason? }`: gives a key, or what a pattern matches, another quota. */
  private async override({ policy, key, to, until, reason }: Readonly<Record<string, unknown>>): Promise<object> {
    const name = textOf('policy', policy);
    const note = { ...(until !== undefined && { until: textOf('until', until) }), ...noteOf(reason) };
    await this.policies.override(name, textOf('key', key), textOf('to', to), note);
    return { overrides: this.policies.overrides().length };
  }

  /** Of `{ policy, key, reason? }`. */
  private async removeOverride({ policy, key, reason }: Readonly<Record<string, unknown>>): Promise<object> {
    await this.policies.removeOverride(textOf('policy', policy), textOf('key', key), noteOf(reason));
    return { overrides: this.policies.overrides().length };
  }

  /** Of `{ on, policies?, reason? }`: policies of the module refuse nothing, or refuse again. */
  private async shadow({ on, policies, reason }: Readonly<Record<string, unknown>>): Promise<object> {
    if (typeof on !== 'boolean') throw new BadRequestException('Send on: true or false.');
    const names = policies === undefined ? undefined : listOf('policies', policies);
    await this.policies.shadow(on, names, noteOf(reason));
    return { on };
  }

  private get policies(): RateLimitPolicies {
    return this.dashboard.application.policies;
  }

  /** Of `{ policy, key }`, or of a key that is shown by `{ policy, keyHash }`: forgets its counters. */
  private async resetKey({ policy: name, key: given, keyHash }: Readonly<Record<string, unknown>>): Promise<object> {
    const { history } = this.dashboard;
    const known = typeof name === 'string' ? history.policies.get(name)?.known : undefined;
    if (known === undefined) throw new NotFoundException('No call has met such a policy.');
    const key =
      typeof given === 'string' && given !== '' ? this.dashboard.application.storedKey(given) : this.keyOf(keyHash);
    if (key === undefined) throw new BadRequestException('Send a key, or the hash of one that is listed.');
    const charges = [...known.values()].map((policy): Charge => ({ key, policy, cost: 0 }));
    await this.dashboard.application.decider.reset({ charges, failureMode: 'closed', timeoutMs: TIMEOUT_MS });
    return { reset: charges.length };
  }

  private keyOf(hash: unknown): string | undefined {
    return this.dashboard.history.hotKeys.top(LOOKED_THROUGH, Date.now()).find(({ key }) => hashOfKey(key) === hash)
      ?.key;
  }

  /** Of `{ breaker }`: all breakers of that name, or of that keyed `@CircuitBreaker`. */
  private eachBreaker({ breaker: name }: Readonly<Record<string, unknown>>, act: (breaker: Breaker) => void): object {
    const { breakers } = this.dashboard.application;
    const chosen = Object.keys(breakers.getAllStatus()).filter((one) => seriesOf(one) === name);
    if (chosen.length === 0) throw new NotFoundException('There is no such breaker.');
    for (const one of chosen) {
      const breaker = breakers.get(one);
      if (breaker !== undefined) act(breaker);
    }
    return { breakers: chosen.length };
  }
}

const noteOf = (reason: unknown): { readonly by: string; readonly reason?: string } => ({
  by: 'dashboard',
  ...(reason !== undefined && { reason: textOf('reason', reason) }),
});

/** @throws BadRequestException for what is no text, or an empty one */
function textOf(field: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new BadRequestException(`Send ${field}: a text that is not empty.`);
}

function listOf(field: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map((one) => textOf(field, one));
  throw new BadRequestException(`Send ${field}: a list of texts.`);
}
