import { KEPT_MS, type CircuitReport } from '../../contracts/breaker-state.js';
import type { ProcessReport } from '../gathering.js';

/** The content of a file: the circuits of each process at `savedAt`, in one line. */
interface StateDocument {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** Wall clock, ms since the epoch. */
  readonly savedAt: number;
  readonly processes: readonly ProcessReport[];
}

/** The result of reading a file. */
type Found =
  | { readonly kind: 'document'; readonly processes: readonly ProcessReport[] }
  /** Half-written or broken: it is written again. */
  | { readonly kind: 'damaged' }
  /** Of a newer release, or of another program: it is not changed. */
  | { readonly kind: 'newer' | 'foreign' };

const FORMAT = 'nestjs-floodgate breaker state';
const VERSION = 1;

export function print(processes: readonly ProcessReport[], nowMs: number): string {
  const document: StateDocument = { format: FORMAT, version: VERSION, savedAt: nowMs, processes };
  return JSON.stringify(document);
}

/** Reads the text of a file, minus the time since it was written. */
export function read(text: string, nowMs: number): Found {
  const document = parsed(text);
  // Our file has one line without a line end. A text with several lines belongs to somebody else.
  if (document === undefined) return { kind: text.includes('\n') ? 'foreign' : 'damaged' };
  if (!isObject(document) || document['format'] !== FORMAT) return { kind: 'foreign' };
  const { version, savedAt, processes } = document;
  if (typeof version === 'number' && version > VERSION) return { kind: 'newer' };
  if (version !== VERSION || !isTime(savedAt) || !Array.isArray(processes)) return { kind: 'damaged' };
  if (!processes.every(isProcess)) return { kind: 'damaged' };
  // If the clock stepped back, no time has passed.
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
