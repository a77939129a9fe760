import { createHash } from 'node:crypto';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { aText } from '../../policies/option-checks.js';

/** Bytes of an identifier that PostgreSQL keeps; it cuts off the rest in silence. */
const MAX_BYTES = 63;

/** Bytes that the longest ending of a derived name takes. */
const ENDING_BYTES = 13;

/** The names of everything that the backend has in a database, quoted and with their schema. */
export interface TableNames {
  readonly schema: string;
  readonly table: string;
  readonly migrations: string;
  /** Where changes of policies are kept. */
  readonly policies: string;
  /** Without its schema, as CREATE INDEX wants it. */
  readonly index: string;
  /** The function that decides. Its number is that of its contract: an older release finds its own beside it. */
  readonly limiter: string;
  /** The function that decides on many calls of what most calls are. */
  readonly many: string;
  /** The function that decides on many calls of any policies. */
  readonly each: string;
  /** Where the numbers of its locks begin: two tables never wait for each other. */
  readonly seed: string;
}

/** @throws RateLimitConfigurationError for a name that PostgreSQL would cut or that cannot be quoted */
export function tableNames(caller: string, schema: string, table: string): TableNames {
  checkName(`${caller}.schema`, schema);
  checkName(`${caller}.table`, table, MAX_BYTES - ENDING_BYTES);
  const within = (name: string): string => `${quoted(schema)}.${quoted(name)}`;
  return {
    schema: quoted(schema),
    table: within(table),
    migrations: within(`${table}_migrations`),
    policies: within(`${table}_policies`),
    index: quoted(`${table}_expiry`),
    limiter: within(`${table}_v3`),
    many: within(`${table}_many_v3`),
    each: within(`${table}_each_v3`),
    seed: String(createHash('sha256').update(within(table)).digest().readBigInt64BE()),
  };
}

/** @throws RateLimitConfigurationError for a name that PostgreSQL would cut or that cannot be quoted */
export function checkName(option: string, name: string, maxBytes = MAX_BYTES): void {
  aText(option, name);
  if (Buffer.byteLength(name) > maxBytes || /[\0$]/.test(name)) {
    throw new RateLimitConfigurationError(option, name, `Give a name of at most ${maxBytes} bytes, without '$'.`);
  }
}

/** A name as SQL takes it. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
