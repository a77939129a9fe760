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

/** Messages of errors by which clients say the same; they have no name or code of their own. */
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

/** Codes of replies by which a server says that it does not serve now, or not us. */
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

/** A server before version 7 reports an error from within a script with its own code inside the text. */
const WITHIN_SCRIPT = /: -([A-Z]+) /;

/** Whether an error says that Redis cannot serve now, rather than that it was asked wrongly. */
export function isInfrastructureError(error: unknown): boolean {
  if (!isError(error)) return false;
  // Only ioredis names the replies of a server. Replies in other clients are recognised by their text.
  return isInfrastructureReply(error.message) || (error.name !== 'ReplyError' && isConnectionError(error));
}

/** By its shape: a test runner gives the errors of Node another `Error` than its own. */
const isError = (error: unknown): error is Error =>
  typeof error === 'object' &&
  error !== null &&
  'name' in error &&
  'message' in error &&
  typeof error.message === 'string';

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

/** How servers of version 6 and of 7 say that a user may not run a command of a script. */
const FORBIDDEN = /^NOPERM |-NOPERM |The user executing the script can't|User executing the script can't/;

/** The command that a reply names: `NOPERM this user has no permissions to run the 'evalsha' command`. */
const NAMED_COMMAND = /the '([a-z|]+)' command/i;

/** All that a decision asks for. */
const PERMISSIONS = '+evalsha +eval +get +set +setrange +del +time';

/** A command of the ping script failed: in the form of the driver's own errors, which do not name it. */
export class ScriptCommandError extends Error {
  override readonly name = 'ReplyError';

  constructor(
    readonly commandName: string,
    message: string,
  ) {
    super(message);
  }
}

/** What a user may not do, if that is what an error says: a mistake in the server's setting. */
function forbidden(error: unknown, backend: string): RateLimitConfigurationError | undefined {
  if (!isError(error) || !FORBIDDEN.test(error.message)) return undefined;
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
 * What the backend throws for an error of its driver: infrastructure as unavailable, a missing permission as the mistake
 * it is, anything else as the bug it is.
 */
export function translated(error: unknown, backend: string): unknown {
  if (isUnavailable(error)) return error;
  if (isInfrastructureError(error)) return BackendUnavailableError.of({ backend, cause: error });
  return forbidden(error, backend) ?? error;
}
