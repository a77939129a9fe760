import { isErrorLike } from '../../contracts/error-like.js';
import { BackendUnavailableError, isUnavailable, RateLimitConfigurationError } from '../../contracts/errors.js';

/** Error codes of sockets and name resolution: the server cannot be reached. */
const NETWORK =
  /^(ECONN|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|EPIPE|EADDRNOTAVAIL|ENOENT|EACCES|EMFILE|ENFILE|ERR_(TLS|SSL|SOCKET|STREAM)_)/;

/**
 * Names of errors by which clients and this backend report that a command found no connection, lost it, or waited too
 * long.
 */
const DRIVER_NAMES: ReadonlySet<string> = new Set([
  'MaxRetriesPerRequestError',
  'ClusterAllFailedError',
  'AbortError',
  'TimeoutError',
  'RedisDisconnectedError',
  // glide
  'ClosingError',
  'ConnectionError',
  'CircuitBreakerError',
]);

/** Messages of such errors without a name or code. */
const DRIVER_MESSAGES = [
  'Connection is closed.',
  "Stream isn't writeable",
  'Command timed out',
  'Socket timeout',
  "Cluster isn't ready",
  'Too many Cluster redirections',
  'None of startup nodes is available',
  'All sentinels are unreachable',
  'Redis is already connecting/connected',
  // node-redis
  'The client is closed',
  'The client is offline',
  'Socket closed unexpectedly',
  'Connection timeout',
  'Disconnects client',
  'The command was aborted',
  'The queue is full',
  'All the root nodes are unavailable',
  'Timeout waiting for a client',
  'Could not find shard',
  'None of the sentinels are available',
  'no valid master node',
];

/** Codes of replies by which a server refuses to serve now, or rejects this client. */
const REPLY_CODES: ReadonlySet<string> = new Set([
  'LOADING',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MASTERDOWN',
  'READONLY',
  'NOREPLICAS',
  'MISCONF',
  'OOM',
  'BUSY',
  'UNKILLABLE',
  'UNBLOCKED',
  'NOAUTH',
  'WRONGPASS',
  'DENIED',
]);

/** Texts of replies whose code is only `ERR`. */
const REPLY_TEXTS = ['max number of clients', 'Script killed by user', 'invalid password'];

/** Before version 7, an error in a script has its code inside the text. */
const WITHIN_SCRIPT = /: -([A-Z]+) /;

/** Whether an error is an outage of Redis, and not a mistake in the call. */
export function isInfrastructureError(error: unknown): boolean {
  if (!isErrorLike(error)) return false;
  // Only ioredis names the replies of a server. Replies in other clients are recognised by their text.
  return isInfrastructureReply(error.message) || (error.name !== 'ReplyError' && isConnectionError(error));
}

function isConnectionError(error: Error): boolean {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && NETWORK.test(code)) return true;
  if (DRIVER_NAMES.has(error.name) || DRIVER_NAMES.has(error.constructor?.name)) return true;
  return DRIVER_MESSAGES.some((text) => error.message.includes(text));
}

function isInfrastructureReply(message: string): boolean {
  const [code = ''] = message.split(' ', 1);
  const inner = WITHIN_SCRIPT.exec(message)?.[1] ?? '';
  return REPLY_CODES.has(code) || REPLY_CODES.has(inner) || REPLY_TEXTS.some((text) => message.includes(text));
}

/** How servers of version 6 and 7 report that a user may not run a command of a script. */
const FORBIDDEN = /^NOPERM |-NOPERM |The user executing the script can't|User executing the script can't/;

/** The command in a reply: `NOPERM this user has no permissions to run the 'evalsha' command`. */
const NAMED_COMMAND = /the '([a-z|]+)' command/i;

/** All permissions that a decision needs. */
const PERMISSIONS = '+evalsha +eval +get +set +setrange +del +time';

/**
 * A command of the ping script failed. The error has the format of the driver's errors, which do not name the command.
 */
export class ScriptCommandError extends Error {
  override readonly name = 'ReplyError';

  constructor(
    readonly commandName: string,
    message: string,
  ) {
    super(message);
  }
}

/** The missing permission in an error, if there is one: a configuration mistake of the server. */
function forbidden(error: unknown, backend: string): RateLimitConfigurationError | undefined {
  if (!isErrorLike(error) || !FORBIDDEN.test(error.message)) return undefined;
  const command = error instanceof ScriptCommandError ? error.commandName : undefined;
  const keys = /\bkeys?\b/.test(error.message);
  const name = command ?? NAMED_COMMAND.exec(error.message)?.[1]?.toLowerCase();
  const [what, mend] = keys
    ? ["the user may not touch the limiter's keys", 'Allow its keyPrefix: ACL SETUSER <user> ~floodgate:*']
    : [
        `the user may not run ${name ?? 'a command of the script'}`,
        `Allow it: ACL SETUSER <user> ${name === undefined ? PERMISSIONS : `+${name}`} (in all: ${PERMISSIONS})`,
      ];
  return new RateLimitConfigurationError(`redisBackend '${backend}'`, `NOPERM: ${what}`, `${mend}.`);
}

/**
 * Translates an error of the driver: an infrastructure failure becomes unavailable, a missing permission a
 * configuration mistake; any other error stays a bug.
 */
export function translated(error: unknown, backend: string): unknown {
  if (isUnavailable(error)) return error;
  if (isInfrastructureError(error)) return BackendUnavailableError.of({ backend, cause: error });
  return forbidden(error, backend) ?? error;
}
