import { BackendUnavailableError } from '../../../../lib/contracts/errors.js';
import { isInfrastructureError, translated } from '../../../../lib/backends/redis/redis-errors.js';

function errorOf(message: string, fields: { readonly name?: string; readonly code?: string } = {}): Error {
  return Object.assign(new Error(message), fields);
}

const replyError = (message: string): Error => errorOf(message, { name: 'ReplyError' });

describe('errors of the connection are infrastructure', () => {
  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'ETIMEDOUT',
    'EPIPE',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
  ])('%s', (code) => expect(isInfrastructureError(errorOf('it broke', { code }))).toBe(true));

  it.each([
    ['MaxRetriesPerRequestError', 'Reached the max retries per request limit (which is 20).'],
    ['ClusterAllFailedError', 'Failed to refresh slots cache.'],
    ['AbortError', 'Command aborted due to connection close'],
    ['TimeoutError', 'The operation was aborted due to timeout'],
    ['RedisDisconnectedError', 'No connection to Redis: reconnecting'],
  ])('%s', (name, message) => expect(isInfrastructureError(errorOf(message, { name }))).toBe(true));

  it.each([
    'Connection is closed.',
    "Stream isn't writeable and enableOfflineQueue options is false",
    'Command timed out',
    "Socket timeout. Expecting data, but didn't receive any in 5000ms.",
    "Cluster isn't ready and enableOfflineQueue options is false",
    'Too many Cluster redirections. Last error: Error: MOVED 866 127.0.0.1:7000',
    'All sentinels are unreachable. Retrying from scratch after 10ms.',
    'The client is closed',
    'The client is offline',
    'Socket closed unexpectedly',
    'Connection timeout',
    'The command was aborted',
    'All the root nodes are unavailable',
    'Timeout waiting for a client after 3000ms',
  ])('%s', (message) => expect(isInfrastructureError(new Error(message))).toBe(true));

  it('an error that tells what it is by its class alone', () => {
    class TimeoutError extends Error {}
    expect(isInfrastructureError(new TimeoutError())).toBe(true);
  });
});

describe('replies of a server that does not serve now are infrastructure', () => {
  const replies = [
    'LOADING Redis is loading the dataset in memory',
    'CLUSTERDOWN The cluster is down',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "READONLY You can't write against a read only replica.",
    'NOREPLICAS Not enough good replicas to write.',
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.',
    "OOM command not allowed when used memory > 'maxmemory'.",
    'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    'UNKILLABLE Sorry the script already executed write commands against the dataset.',
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
    'NOAUTH Authentication required.',
    'WRONGPASS invalid username-password pair or user is disabled.',
    'DENIED Redis is running in protected mode because protected mode is enabled',
    'ERR max number of clients reached',
    'ERR max number of clients + cluster connections reached',
    'ERR invalid password',
    'ERR Error running script (call to f_1): @user_script:9: Script killed by user with SCRIPT KILL...',
  ];
  it.each(replies)('%s', (message) => expect(isInfrastructureError(replyError(message))).toBe(true));

  it.each(replies.filter((reply) => /^(READONLY|OOM|MISCONF|NOREPLICAS)/.test(reply)))(
    'raised within a script, by a server before version 7: %s',
    (message) => {
      const wrapped = `ERR Error running script (call to f_0ab1): @user_script:212: @user_script: 212: -${message}`;
      expect(isInfrastructureError(replyError(wrapped))).toBe(true);
      expect(isInfrastructureError(replyError(`${message} script: 0ab1, on @user_script:212.`))).toBe(true);
    },
  );
});

describe('everything else is a bug or a wrong configuration', () => {
  it.each([
    'WRONGTYPE Operation against a key holding the wrong kind of value script: 0ab1, on @user_script:212.',
    'ERR Error running script (call to f_0ab1): @user_script:212: -WRONGTYPE Operation against a key',
    'CORRUPT A key of the limiter holds something else',
    "NOPERM User app has no permissions to run the 'evalsha' command",
    'NOSCRIPT No matching script.',
    'CROSSSLOT Keys in request do not hash to the same slot',
    'MOVED 866 127.0.0.1:7000',
    'ERR Error compiling script (new function): user_script:1: unexpected symbol',
    "ERR unknown command 'EVALSHA'",
    'BUSYGROUP Consumer Group name already exists',
    'ERR the word READONLY alone proves nothing',
  ])('%s', (message) => expect(isInfrastructureError(replyError(message))).toBe(false));

  it.each([new TypeError('x is not a function'), new Error('boom'), 'ECONNREFUSED', undefined])('%s', (error) =>
    expect(isInfrastructureError(error)).toBe(false),
  );
});

describe('translated', () => {
  it('names the backend and keeps the cause of an infrastructure error', () => {
    const cause = errorOf('connect ECONNREFUSED 127.0.0.1:6379', { code: 'ECONNREFUSED' });
    const error = translated(cause, 'counters');
    expect(error).toBeInstanceOf(BackendUnavailableError);
    expect(error).toMatchObject({ code: 'BACKEND_UNAVAILABLE', backend: 'counters', cause });
  });

  it('passes on every other error, and one that was translated, as it is', () => {
    const bug = new TypeError('boom');
    const unavailable = BackendUnavailableError.of({ backend: 'counters' });
    expect(translated(bug, 'redis')).toBe(bug);
    expect(translated(unavailable, 'redis')).toBe(unavailable);
  });
});
