import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Backend } from '../../../lib/contracts/backend.js';
import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import type { Trace } from '../reference-limiter.js';
import type { ScriptingClient } from '../../../lib/backends/redis/ioredis-client.js';
import { LIMITER_SCRIPT } from '../../../lib/backends/redis/scripts/limiter.generated.js';

/**
 * The shipped script, with TIME from the last argument; keys outlive the test, so that only the script's own times
 * decide. Appends to its reply the last PX that was set (-1: none), and the number of writes.
 */
const TIMED_SCRIPT = `
local server, now, px, writes = redis, tonumber(table.remove(ARGV)), -1, 0
local redis = setmetatable({
  call = function(command, key, value, ...)
    if command == 'TIME' then
      return { string.format('%d', math.floor(now / 1000)), string.format('%d', now % 1000 * 1000 + 999) }
    elseif command == 'GET' then
      return server.call(command, key)
    end
    writes = writes + 1
    if command == 'DEL' then return server.call(command, key) end
    if command == 'SETRANGE' then
      assert(value == '8' and server.call('STRLEN', key) == 8 + #(...), 'SETRANGE of another length')
      return server.call(command, key, value, ...)
    end
    assert(command == 'SET', 'unknown write')
    if ... == 'KEEPTTL' then
      assert(server.call('EXISTS', key) == 1, 'KEEPTTL of nothing')
      return server.call('SET', key, value, ...)
    end
    assert(... == 'PX', 'unknown expiry')
    px = select(2, ...)
    assert(px >= 1 and px == math.floor(px), 'PX')
    return server.call('SET', key, value, 'PX', 600000)
  end,
}, { __index = server })
local function limiter()
${LIMITER_SCRIPT}
end
local reply = limiter()
if type(reply) == 'table' then return reply end
return reply .. struct.pack('>dd', px, writes)
`;

const SHA = createHash('sha1').update(TIMED_SCRIPT).digest('hex');

/** A Redis backend in time of the test's own, as fast as its connection. */
export interface TimedLimiter {
  readonly backend: Backend;
  /** What each call so far wrote, in order. */
  readonly traces: readonly Trace[];
}

/** Teaches a server the script. Once before the first `timedLimiter`. */
export async function loadTimedScript(client: Redis): Promise<void> {
  await client.script('LOAD', TIMED_SCRIPT);
}

/**
 * @param clock the server's time, read when a script call is sent
 * @param sharing whether calls that wait share one: then they share its time, too
 */
export function timedLimiter(client: Redis, clock: () => number, keyPrefix: string, sharing = false): TimedLimiter {
  const traces: Trace[] = [];
  const scripting = client as unknown as ScriptingClient;
  const timed: ScriptingClient = {
    status: 'ready',
    isCluster: false,
    async evalshaBuffer(_sha, numberOfKeys, ...rest) {
      const reply = await scripting.evalshaBuffer(SHA, numberOfKeys, ...rest, String(clock()));
      if (!Buffer.isBuffer(reply)) return reply;
      traces.push({ px: reply.readDoubleBE(reply.length - 16), writes: reply.readDoubleBE(reply.length - 8) });
      return reply.subarray(0, -16);
    },
    evalBuffer: (script, numberOfKeys, ...rest) => scripting.evalBuffer(script, numberOfKeys, ...rest),
    pipeline: () => scripting.pipeline(),
    connect: () => client.connect(),
    on: (event, listener) => client.on(event, listener),
    off: (event, listener) => client.off(event, listener),
  };
  return { backend: redisBackend({ client: timed, keyPrefix, coalesce: sharing, batch: sharing }), traces };
}
