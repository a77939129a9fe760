import {
  Module,
  type INestApplicationContext,
  type LoggerService,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { CircuitBreaker, RateLimit } from 'nestjs-floodgate';

/** How many calls of `ask`, and how many events, one client has in a minute. */
export const LIMIT = 5;

/**
 * The handlers that each cell of the table has: one with a limit, one without, and one behind a circuit that opens with
 * its first failure.
 */
export type HandlerName = 'ask' | 'free' | 'partner';

export const Limited = (name: 'ask' | 'event'): MethodDecorator => RateLimit({ name, rate: `${LIMIT}/m` });

export const Guarded = (): MethodDecorator => CircuitBreaker({ name: 'secret-partner', failureThreshold: 1 });

export async function fail(): Promise<never> {
  throw new Error('secret: down');
}

/** What a caller read: the name of the handler that answered, or why it did not. */
export type Told = HandlerName | Refused;

export interface Refused {
  /** `RATE_LIMITED`, `BACKEND_UNAVAILABLE` or `CIRCUIT_OPEN`, if the answer has exactly the shape that it should have. */
  readonly code: string;
  readonly retryAfterMs: number;
  /** All that was sent. */
  readonly raw: string;
}

/** A real client of one transport: one user at one address. */
export interface Client {
  /** Calls handlers, all in parallel and over one connection where there is one. The order of answers is that of calls only where clients can tell. */
  call(handlers: readonly HandlerName[]): Promise<readonly Told[]>;
  /** Sends events that have no answer, and waits until the application has read them. Absent where there are none. */
  readonly emit?: (events: number) => Promise<void>;
  /** Connections that ended without the client's doing. */
  lost(): number;
  close(): Promise<void>;
}

export interface RunningCell {
  readonly app: INestApplicationContext;
  readonly client: Client;
}

/** One row of the table of transports: an application, and how a client of it reads answers. */
export interface Cell {
  readonly name: string;
  /** What a client reads of an open circuit. */
  readonly circuitCode: 'CIRCUIT_OPEN' | 'BACKEND_UNAVAILABLE';
  /** @param limits the module of limits, for the application's imports */
  start(limits: NonNullable<ModuleMetadata['imports']>[number], logger: LoggerService): Promise<RunningCell>;
}

/** Events that handlers got since the last reset. */
export const heard = { events: 0 };

export function rootOf(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class Root {}
  return Root;
}

const MESSAGES: Readonly<Record<string, string>> = {
  RATE_LIMITED: 'Too Many Requests',
  BACKEND_UNAVAILABLE: 'Service Unavailable',
  CIRCUIT_OPEN: 'Service Unavailable',
};

/** An error that has not the shape of a refusal. */
export const other = (raw: unknown): Refused => ({ code: 'OTHER', retryAfterMs: 0, raw: JSON.stringify(raw) });

/** Reads the object that is sent to sockets and over RPC: it must have these four fields, and no other. */
export function readErrorObject(raw: object): Refused {
  const { status, code, message, retryAfterMs, ...more } = raw as Readonly<Record<string, unknown>>;
  const isRefusal =
    status === 'error' &&
    typeof code === 'string' &&
    message === MESSAGES[code] &&
    typeof retryAfterMs === 'number' &&
    Object.keys(more).length === 0;
  return isRefusal ? { code, retryAfterMs, raw: JSON.stringify(raw) } : other(raw);
}

/** Reads a message and a code that stand apart. */
export const readCode = (code: unknown, message: unknown, retryAfterMs: unknown, raw: unknown): Refused =>
  readErrorObject({ status: 'error', code, message, retryAfterMs }).code === 'OTHER'
    ? other(raw)
    : { code: String(code), retryAfterMs: Number(retryAfterMs), raw: JSON.stringify(raw) };
