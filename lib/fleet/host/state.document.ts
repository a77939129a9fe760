import { KEPT_MS, type CircuitReport } from '../../contracts/breaker-state.js';
import type { ProcessReport } from '../gathering.js';

/** What a file holds: for each process what it said of its circuits, as of `savedAt`. It is one line. */
interface StateDocument {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** Wall clock, ms since the epoch. */
  readonly savedAt: number;
  readonly processes: readonly ProcessReport[];
}

/** What the text of a file turned out to be. */
type Found =
  | { readonly kind: 'document'; readonly processes: readonly ProcessReport[] }
  /** Half-written or broken: it is written again. */
  | { readonly kind: 'damaged' }
  /** Of a newer release, or of somebody else: it is left alone. */
  | { readonly kind: 'newer' | 'foreign' };

const FORMAT = 'nestjs-floodgate breaker state';
const VERSION = 1;

export function print(processes: readonly ProcessReport[], nowMs: number): string {
  const document: StateDocument = { format: FORMAT, version: VERSION, savedAt: nowMs, processes };
  return JSON.stringify(document);
}

/** Reads the text of a file, less the time that has passed since it was written. */
export function read(text: string, nowMs: number): Found {
  const document = parsed(text);
  // Ours is one line without an end. A text of several is somebody's notes or settings.
  if (document === undefined) return { kind: text.includes('\n') ? 'foreign' : 'damaged' };
  if (!isObject(document) || document['format'] !== FORMAT) return { kind: 'foreign' };
  const { version, savedAt, processes } = document;
  if (typeof version === 'number' && version > VERSION) return { kind: 'newer' };
  if (version !== VERSION || !isTime(savedAt) || !Array.isArray(processes)) return { kind: 'damaged' };
  if (!processes.every(isProcess)) return { kind: 'damaged' };
  // A clock that stepped back makes no time pass.
  const passedMs = Math.max(0, nowMs - savedAt);
  return { kind: 'document', processes: processes.map((one) => aged(one, passedMs)) };
}

function aged({ id, circuits }: ProcessReport, passedMs: number): ProcessReport {
  const fresh = circuits.filter(({ dueInMs }) => passedMs - dueInMs < KEPT_MS);
  return { id, circuits: fresh.map((one) => ({ ...one, dueInMs: Math.max(0, one.dueInMs - passedMs) })) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const isProcess = (value: unknown): value is ProcessReport =>
  isObject(value) &&
  typeof value['id'] === 'string' &&
  Array.isArray(value['circuits']) &&
  value['circuits'].every(isReport);

function isReport(value: unknown): value is CircuitReport {
  if (!isObject(value)) return false;
  const { circuit, state, step, tripCount, dueInMs } = value;
  return (
    typeof circuit === 'string' &&
    ['open', 'half-open', 'kept'].includes(state as string) &&
    isCount(step) &&
    isCount(tripCount) &&
    isTime(dueInMs)
  );
}
