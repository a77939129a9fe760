import { memoryBackend } from '../../../../lib/backends/memory/memory.backend.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';

const MINUTE = 60_000;
const policy = testPolicy({ algorithm: 'fixed-window', limit: 1, windowMs: MINUTE });

/** What fakes the time of a test. */
export interface Faker {
  begin(nowMs: number): void;
  advance(byMs: number): void;
  set(nowMs: number): void;
  end(): void;
}

/** What a memory backend saw of a faked time. */
export interface Observed {
  /** How far its clock was from `Date`, in ms: before, when faking began, and when it had ended. */
  readonly apartMs: readonly [before: number, begun: number, ended: number];
  /** How far its clock went: advanced by a minute, set a day ahead, and set an hour back. */
  readonly wentMs: readonly [advanced: number, ahead: number, back: number];
  /** What became of two calls, and of a third a window later. */
  readonly allowed: readonly boolean[];
}

/** Runs a memory backend through a faked time. */
export function observe(faker: Faker): Observed {
  const backend = memoryBackend();
  const request = { charges: [{ key: 'a', policy, cost: 1 }], timeoutMs: 100 };
  const consume = (): { allowed: boolean; nowMs: number } => backend.consume(request) as never;
  const now = (): number => (backend.peek(request) as { nowMs: number }).nowMs;
  const apart = (): number => Math.abs(now() - Date.now());

  const before = apart();
  faker.begin(Date.now());
  const begun = apart();
  let last = now();
  const went = (): number => -(last - (last = now()));
  faker.advance(MINUTE);
  const advanced = went();
  faker.set(last + 24 * 60 * MINUTE);
  const ahead = went();
  faker.set(last - 60 * MINUTE);
  const back = went();
  const allowed = [consume().allowed, consume().allowed];
  faker.advance(MINUTE);
  allowed.push(consume().allowed);
  faker.end();
  return { apartMs: [before, begun, apart()], wentMs: [advanced, ahead, back], allowed };
}
