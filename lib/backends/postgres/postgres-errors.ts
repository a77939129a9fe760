import { isUnanswered } from '../../contracts/error-like.js';
import { BackendUnavailableError, isUnavailable } from '../../contracts/errors.js';
import { missingPrivilege, missingSchema } from './mends.js';
import { NoConnectionError } from './patient-query.js';
import type { Purpose } from './purpose.js';
import { isForbidden, isMissing, sqlState } from './sql-state.js';
import type { TableNames } from './table-names.js';

/** Classes of SQLSTATE by which a server says that it does not serve now, or not us. */
const INFRASTRUCTURE_CLASSES: ReadonlySet<string> = new Set([
  '08', // connection exception; PgBouncer's own troubles
  '28', // invalid authorization: a password, or pg_hba.conf
  '53', // insufficient resources: connections, memory, disk
  '57', // operator intervention: shut down, starting up, cancelled by a timeout
  '58', // system error: input and output
]);

/** Single states that say the same. */
const INFRASTRUCTURE_STATES: ReadonlySet<string> = new Set([
  '25006', // read-only: a standby, or default_transaction_read_only
  '55P03', // a lock that somebody else holds
  '40001', // serialization failure, again and again until the deadline
  '40P01', // deadlock, likewise
]);

/** Classes by which a server says that it was asked wrongly, even before it lets anybody in. */
const MISTAKES: ReadonlySet<string> = new Set(['42', '22', '23']);

/** What pg says of a connection that it lost, or a pool that was closed; these errors have no code. */
const DRIVER_MESSAGES = [
  'Connection terminated',
  'Connection ended',
  'Client has encountered a connection error',
  'Client was closed',
  'Query read timeout',
];

/** Error codes of sockets and name resolution: the server cannot be reached. */
const NETWORK =
  /^(ECONN|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|EPIPE|EADDRNOTAVAIL|ENOENT|EACCES|EMFILE|ENFILE|ERR_(TLS|SSL|SOCKET|STREAM)_)/;

/** Whether an error says that PostgreSQL cannot serve now, rather than that it was asked wrongly. */
export function isInfrastructureError(error: unknown): boolean {
  return error instanceof NoConnectionError ? preventsConnection(error.cause) : interruptsQuery(error);
}

/** What cannot connect is an outage, unless the server names a mistake or an option has the wrong type. */
function preventsConnection(cause: unknown): boolean {
  const state = sqlState(cause);
  return state === undefined
    ? !(cause instanceof TypeError || cause instanceof RangeError)
    : !MISTAKES.has(state.slice(0, 2));
}

function interruptsQuery(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return INFRASTRUCTURE_CLASSES.has(state.slice(0, 2)) || INFRASTRUCTURE_STATES.has(state);
  if (isUnanswered(error)) return true;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && NETWORK.test(code)) return true;
  return typeof message === 'string' && DRIVER_MESSAGES.some((text) => message.includes(text));
}

/**
 * What the backend throws for an error of its driver: an outage as unavailable, a missing schema or privilege with its
 * mend, anything else as the bug it is.
 */
export function translated(error: unknown, backend: string, names: TableNames, purpose: Purpose): unknown {
  if (isUnavailable(error)) return error;
  const cause = error instanceof NoConnectionError ? error.cause : error;
  if (isForbidden(cause))
    return missingPrivilege(cause as Error, cause === error ? 'query' : 'connect', names, purpose);
  if (isMissing(error)) return missingSchema(error as Error, names, purpose);
  return isInfrastructureError(error) ? BackendUnavailableError.of({ backend, cause: error }) : cause;
}
