// Made from breakers.lua by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const BREAKERS_SCRIPT = `-- Shares the open circuits of a fleet's processes, and decides which process may probe.
--
-- KEYS[1]  prefix of all its keys, which are in one hash slot
-- ARGV[1]  exchange, claim, settle or leave
-- ARGV[2]  id of the process
-- ARGV[3]  exchange: the reports of the process, as JSON; claim and settle: the circuit
-- ARGV[4]  exchange: 1 if the process starts; claim: maximum duration of the probe, ms; settle: how long no other
--          process may probe, ms, or 0
-- ARGV[5]  exchange: how long a hint is valid after it is due, ms; settle: open periods of the process that probed
-- ARGV[6]  exchange: how long the reports of an ended process are kept after they are due, ms
--
-- Reply: JSON. exchange: { peers, resumed }; claim: the probe of another process, or empty: the process may probe.
--
-- :circuits         sorted set: circuits, by the end of their last hint
-- :open:<circuit>   sorted set: processes, by the end of their hint
-- :probe:<circuit>  '<step> <process>', until the probe expires
-- :saved            hash: the reports of each process

local base, verb, id = KEYS[1], ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function probe_key(circuit) return base .. ':probe:' .. circuit end

local function open_key(circuit) return base .. ':open:' .. circuit end

-- The probe of a circuit: its process, open periods, time left.
local function probe_of(circuit)
  local held = redis.call('GET', probe_key(circuit))
  if not held then return nil end
  local step, owner = string.match(held, '^(%d+) (.*)$')
  return owner, tonumber(step), redis.call('PTTL', probe_key(circuit))
end

local function saved(circuits, beat)
  return cjson.encode({ beat = beat, at = now, circuits = circuits })
end

if verb == 'claim' then
  local owner, step, left = probe_of(ARGV[3])
  if owner and owner ~= id then return cjson.encode({ forMs = left, step = step }) end
  redis.call('SET', probe_key(ARGV[3]), '0 ' .. id, 'PX', ARGV[4])
  return ''
end

if verb == 'settle' then
  if probe_of(ARGV[3]) ~= id then return '' end
  if ARGV[4] == '0' then
    redis.call('DEL', probe_key(ARGV[3]))
  else
    redis.call('SET', probe_key(ARGV[3]), ARGV[5] .. ' ' .. id, 'PX', ARGV[4])
  end
  return ''
end

if verb == 'leave' then
  for _, circuit in ipairs(redis.call('ZRANGE', base .. ':circuits', 0, -1)) do
    redis.call('ZREM', open_key(circuit), id)
    if probe_of(circuit) == id then redis.call('DEL', probe_key(circuit)) end
  end
  local mine = redis.call('HGET', base .. ':saved', id)
  if mine then
    local document = cjson.decode(mine)
    document.beat = 0
    redis.call('HSET', base .. ':saved', id, cjson.encode(document))
  end
  return ''
end

local reports, grace, keep = cjson.decode(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6])
local told = {}
local longest = 0
for _, report in ipairs(reports) do
  local due = math.ceil(report.dueInMs)
  longest = math.max(longest, due)
  if report.state ~= 'kept' then
    told[report.circuit] = true
    redis.call('ZADD', open_key(report.circuit), now + due + grace, id)
    redis.call('PEXPIRE', open_key(report.circuit), math.max(due + grace, redis.call('PTTL', open_key(report.circuit))))
    local last = tonumber(redis.call('ZSCORE', base .. ':circuits', report.circuit) or 0)
    redis.call('ZADD', base .. ':circuits', math.max(last, now + due + grace), report.circuit)
    redis.call('PEXPIRE', base .. ':circuits', math.max(due + grace, redis.call('PTTL', base .. ':circuits')))
  end
end

if #reports > 0 then
  redis.call('HSET', base .. ':saved', id, saved(reports, now))
  redis.call('PEXPIRE', base .. ':saved', math.max(longest + keep, redis.call('PTTL', base .. ':saved')))
else
  redis.call('HDEL', base .. ':saved', id)
end

local peers = {}
redis.call('ZREMRANGEBYSCORE', base .. ':circuits', '-inf', now)
for _, circuit in ipairs(redis.call('ZRANGE', base .. ':circuits', 0, -1)) do
  local key = open_key(circuit)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if not told[circuit] then redis.call('ZREM', key, id) end
  local open = redis.call('ZCARD', key) - (told[circuit] and 1 or 0)
  local last = redis.call('ZREVRANGE', key, 0, 1, 'WITHSCORES')
  local until_ = tonumber((last[1] == id and last[4] or last[2]) or now)
  local owner, step, left = probe_of(circuit)
  local peer = { circuit = circuit, open = open, hintForMs = math.max(0, until_ - now) }
  if owner and owner ~= id then peer.probe = { forMs = left, step = step } end
  if open > 0 or peer.probe then peers[#peers + 1] = peer end
end

local resumed = {}
if ARGV[4] == '1' then
  local all = redis.call('HGETALL', base .. ':saved')
  for index = 1, #all, 2 do
    local document = cjson.decode(all[index + 1])
    -- A process that sent nothing for six exchanges has ended.
    if all[index] ~= id and document.beat < now - 3000 then
      redis.call('HDEL', base .. ':saved', all[index])
      local passed = now - document.at
      for _, report in ipairs(document.circuits) do
        if passed - report.dueInMs < keep then
          report.dueInMs = math.max(0, report.dueInMs - passed)
          resumed[#resumed + 1] = report
        end
      end
      if #resumed > 0 then break end
    end
  end
end
return cjson.encode({ peers = peers, resumed = resumed })
`;
