import type { CounterState } from '../algorithms/algorithm.js';
import { decide } from '../algorithms/counter.js';
import type { Policy } from '../contracts/policy.js';
import { formatRate } from '../policies/rate.js';
import { type LadderTrack, LimitLadder, newTrack } from './limit-ladder.js';
import type { PolicyReport, PolicySummary } from './policy-report.js';
import { RecentKeys } from './recent-keys.js';
import { RefusedClients } from './refused-clients.js';

/** A call that a policy is tried on. */
export interface TrialCall {
  /** Partition key, such as `ip:192.0.2.1`. */
  readonly key: string;
  readonly cost: number;
  /** Milliseconds since the epoch; never before that of the last call. */
  readonly atMs: number;
  /** Address of the client, where the key does not tell it: `192.0.2.1` or `2001:db8:1:2::/64`. */
  readonly address?: string | undefined;
}

/** Bounds of what is kept. */
export interface TrialBounds {
  /** Keys whose counters are kept at a time: this many to twice as many. */
  readonly maxKeys: number;
  /** Refused clients that are told apart. */
  readonly maxClients: number;
}

interface Track extends LadderTrack {
  counter: CounterState | undefined;
}

/** Clients that are named in a report. */
const NAMED = 5;

/** What one policy would do to calls, in bounded memory: those of a log, or those that an application decides. */
export class PolicyTrial {
  private calls = 0;
  private refused = 0;
  private nowMs = 0;
  /** Counters that were dropped while they still counted. */
  private forgotten = 0;
  private readonly ladder: LimitLadder;
  private readonly tracks: RecentKeys<Track>;
  private readonly clients: RefusedClients;

  constructor(
    readonly policy: Policy,
    { maxKeys, maxClients }: TrialBounds,
  ) {
    this.ladder = new LimitLadder(policy);
    this.clients = new RefusedClients(maxClients);
    this.tracks = new RecentKeys<Track>(maxKeys, ({ freshAtMs }) => {
      if (freshAtMs > this.nowMs) this.forgotten += 1;
    });
  }

  /** Decides a call by the policy's own algorithm; whether it is refused. */
  replay(call: TrialCall): boolean {
    const track = this.trackOf(call);
    const { state, status } = decide(track.counter, this.policy, call.cost, false, call.atMs);
    track.counter = state;
    this.count(call, track, !status.allowed);
    return !status.allowed;
  }

  /** Takes up a call that was decided elsewhere. */
  observe(call: TrialCall, isRefused: boolean): void {
    this.count(call, this.trackOf(call), isRefused);
  }

  report(): PolicyReport {
    return { ...this.summary(), mostRefused: this.clients.top(NAMED) };
  }

  /** The report without the clients: quick, and nothing in it is a key. */
  summary(): PolicySummary {
    const { policy, calls, refused, clients, ladder, forgotten } = this;
    const { limit, windowMs, algorithm, name } = policy;
    const gentle = calls === 0 ? undefined : ladder.gentlest;
    return {
      policy: name,
      rate: formatRate({ limit, windowMs }),
      algorithm,
      calls,
      refused,
      share: calls === 0 ? 0 : refused / calls,
      clients: clients.count,
      clientsAreMore: clients.areMore,
      network: clients.mainNetwork ?? null,
      oneInAThousand: gentle === undefined ? null : { ...gentle, rate: formatRate({ limit: gentle.limit, windowMs }) },
      forgotten,
    };
  }

  private trackOf({ key, atMs }: TrialCall): Track {
    this.nowMs = atMs;
    let track = this.tracks.get(key);
    if (track === undefined) {
      track = { ...newTrack(), counter: undefined };
      this.tracks.set(key, track);
    }
    return track;
  }

  private count({ key, cost, atMs, address }: TrialCall, track: Track, isRefused: boolean): void {
    this.calls += 1;
    if (isRefused) {
      this.refused += 1;
      this.clients.add(key, address);
    }
    this.ladder.add(track, cost, atMs);
  }
}
