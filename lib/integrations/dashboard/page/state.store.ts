import type { DashboardState } from '../dashboard.schema.js';

/** Joins what the stream repeats of the last buckets to the history that is known. */
export function joined(known: DashboardState, tick: DashboardState): DashboardState | undefined {
  const newest = known.buckets.at(-1) ?? 0;
  const [first = 0] = tick.buckets;
  // Something in between is missing: the whole state has to be asked for.
  if (first > newest || tick.bucketMs !== known.bucketMs) return undefined;
  const kept = known.buckets.filter((bucket) => bucket < first).length;
  const drop = kept + tick.buckets.length - known.buckets.length;
  const join = (old: readonly number[] | undefined, latest: readonly number[]): readonly number[] => [
    ...(old ?? known.buckets.map(() => 0)).slice(Math.max(drop, 0), kept),
    ...latest,
  ];
  return {
    ...tick,
    buckets: join(known.buckets, tick.buckets),
    policies: tick.policies.map((policy) => {
      const old = known.policies.find(({ name }) => name === policy.name);
      return {
        ...policy,
        allowed: join(old?.allowed, policy.allowed),
        limited: join(old?.limited, policy.limited),
        shadowLimited: join(old?.shadowLimited, policy.shadowLimited),
      };
    }),
    uncounted: tick.uncounted.map((one) => ({
      ...one,
      calls: join(known.uncounted.find(({ reason }) => reason === one.reason)?.calls, one.calls),
    })),
    backends: tick.backends.map((backend) => {
      const old = known.backends.find(({ name }) => name === backend.name);
      return {
        ...backend,
        calls: join(old?.calls, backend.calls),
        failures: join(old?.failures, backend.failures),
        meanMs: join(old?.meanMs, backend.meanMs),
        maxMs: join(old?.maxMs, backend.maxMs),
      };
    }),
  };
}

/** The stream of the server's state, which goes on after whatever interrupts it. */
export class StateStream {
  private state: DashboardState | undefined;

  /**
   * @param base where the API is
   * @param show is given each new state
   * @param tell is told whether the stream lives
   */
  constructor(
    private readonly base: string,
    private readonly show: (state: DashboardState) => void,
    private readonly tell: (live: boolean) => void,
  ) {}

  open(): void {
    const source = new EventSource(`${this.base}api/stream`);
    source.addEventListener('state', ({ data }: MessageEvent<string>) => this.take(JSON.parse(data) as DashboardState));
    source.addEventListener('tick', ({ data }: MessageEvent<string>) => this.join(JSON.parse(data) as DashboardState));
    source.addEventListener('error', () => {
      this.tell(false);
      // A browser tries again by itself, unless the answer was an error.
      if (source.readyState !== EventSource.CLOSED) return;
      source.close();
      setTimeout(() => this.open(), 2_000);
    });
  }

  private join(tick: DashboardState): void {
    const state = this.state && joined(this.state, tick);
    if (state === undefined) void this.fetch();
    else this.take(state);
  }

  private async fetch(): Promise<void> {
    const response = await fetch(`${this.base}api/state`).catch(() => undefined);
    if (response?.ok === true) this.take((await response.json()) as DashboardState);
  }

  private take(state: DashboardState): void {
    this.state = state;
    this.tell(true);
    this.show(state);
  }
}
