// Made from limiter.lua by scripts/embed-lua.mjs: edit that, then run `npm run lua`.

export const LIMITER_SCRIPT = `--[[
Decides calls and counts them: each verb of the limiter, atomically, for any number of policies and subjects.
The arithmetic is that of lib/algorithms, operation by operation.

KEYS  one key for each subject of the call

ARGV  1  verb: consume, peek, refund or reset
      2  of consume: 1 to charge even where the quota does not suffice
         of refund: the time of the charge that is given back, ms; -1 if unknown
      and then nine for each charge:
      +1 number of its subject in KEYS       +4 limit              +7 blockForMs, 0: no block
      +2 storage id of the counter           +5 windowMs           +8 1: enforced, 0: shadow
      +3 algorithm: fixed, sliding,          +6 burst              +9 cost
         bucket or log

Reply [now (ms), allowed (1 or 0), and four for each charge: allowed, remaining, resetAfterMs, retryAfterMs (-1: never)],
      all as of after the call. The error CORRUPT where a key holds something else; WRONGTYPE is raised as it is.

A key holds FORMAT and the counters of its subject, as MessagePack values in a row, six for each counter:
      id, keptUntil (ms; from then on it is as if never seen), windowMs (0: blocked until keptUntil),
      at, used, rest (what these mean, each algorithm tells)
It expires GRACE ms after the last of them is over: a clock that steps back by less finds all of them again.

Few functions and tables, since Lua builds them anew for each call; \`+ 0\` makes a number of a string at half the price.
]]

local FORMAT, COUNTER, CHARGE, GRACE = 1, 6, 9, 1000
-- As many values at once as surely fit Lua's stack.
local CHUNK = 3000
local MAX_PRODUCT = 4503599627370496
local MAX_INTEGER = 9007199254740991

local ARGV, floor, ceil, min, max = ARGV, math.floor, math.ceil, math.min, math.max

local time = redis.call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)

-- at: number of the window since the epoch; used: its units.
local function fixed(c, verb, charged_at)
  local window_ms = c.window_ms
  if verb == 'advance' then
    local window = floor(now / window_ms)
    if c.stored_ms ~= window_ms then
      if floor(now / c.stored_ms) > c.at then c.used = 0 end
      c.at, c.kept_until = window, 0
    elseif c.at < window then
      c.at, c.used = window, 0
    elseif c.at > window + 1 then
      c.at, c.kept_until = window + 1, 0
    end
  elseif verb == 'admits' then
    return c.cost <= c.limit - c.used
  elseif verb == 'charge' then
    c.used = min(c.used + c.cost, MAX_INTEGER)
  elseif verb == 'refund' then
    if charged_at < 0 or floor(charged_at / window_ms) == c.at then c.used = max(0, c.used - c.cost) end
  elseif verb == 'status' then
    return c.limit - c.used, c.used == 0 and 0 or (c.at + 1) * window_ms - now
  elseif verb == 'retry' then
    return (c.at + 1) * window_ms - now
  end
end

-- at: number of the current window since the epoch; used: its units; rest: those of the window before.
local function sliding(c, verb, charged_at)
  local window_ms, used = c.window_ms, c.used
  if verb == 'advance' then
    local stored_ms = c.stored_ms
    local window = floor(now / stored_ms)
    if c.at < window then
      c.rest, c.used = c.at == window - 1 and used or 0, 0
      c.at = window
    elseif c.at > window + 1 then
      c.at, c.kept_until = window + 1, 0
    end
    if stored_ms ~= window_ms then
      local covered = min(stored_ms, (c.at + 1) * stored_ms - now)
      local units = ceil((c.rest * covered) / stored_ms) + c.used
      c.at, c.used, c.rest = floor(now / window_ms), min(units, floor(MAX_PRODUCT / window_ms)), 0
      c.kept_until = 0
    end
    return
  end

  local until_next = (c.at + 1) * window_ms - now
  local covered = min(window_ms, until_next)
  if verb == 'admits' then
    local free = c.limit - used - c.cost
    return free >= 0 and c.rest * covered <= free * window_ms
  elseif verb == 'charge' then
    c.used = min(used + c.cost, floor(MAX_PRODUCT / window_ms))
  elseif verb == 'refund' then
    local age = charged_at < 0 and 0 or c.at - floor(charged_at / window_ms)
    if charged_at < 0 then c.rest = max(0, c.rest - max(0, c.cost - used)) end
    if age == 0 then
      c.used = max(0, used - c.cost)
    elseif age == 1 then
      c.rest = max(0, c.rest - c.cost)
    end
  elseif verb == 'status' then
    local reset = used > 0 and until_next + window_ms or c.rest > 0 and until_next or 0
    return c.limit - (ceil((c.rest * covered) / window_ms) + used), reset
  elseif verb == 'retry' then
    local free = c.limit - used - c.cost
    if free >= 0 then return until_next - floor((free * window_ms) / c.rest) end
    return until_next + window_ms - floor(((c.limit - c.cost) * window_ms) / used)
  end
end

-- at: a time, ms; used: what the bucket lacked of being full then, in tokens x windowMs; rest: the limit it refills at.
local function bucket(c, verb)
  local window_ms = c.window_ms
  if verb == 'advance' then
    if c.used > 0 then
      if c.at > now or c.rest ~= c.limit or c.stored_ms ~= window_ms then c.kept_until = 0 end
      local elapsed = max(0, now - c.at)
      c.used = elapsed >= c.used / c.rest and 0 or c.used - elapsed * c.rest
      if c.stored_ms ~= window_ms then c.used = min(ceil((c.used / c.stored_ms) * window_ms), MAX_PRODUCT) end
    end
    c.at, c.rest = now, c.limit
  elseif verb == 'admits' then
    return c.cost <= c.burst and c.used <= (c.burst - c.cost) * window_ms
  elseif verb == 'charge' then
    c.used = min(c.used + c.cost * window_ms, MAX_PRODUCT)
  elseif verb == 'refund' then
    c.used = max(0, c.used - c.cost * window_ms)
  elseif verb == 'status' then
    return floor((c.burst * window_ms - c.used) / window_ms), ceil(c.used / c.limit)
  elseif verb == 'retry' then
    return ceil((c.used - (c.burst - c.cost) * window_ms) / c.limit)
  end
end

-- rest: the units of the window, oldest first, as records of a time and a number; used: their sum; at: the newest time.
local function log(c, verb, charged_at)
  local RECORD, SIZE, decode, encode = '>I6I7', 13, struct.unpack, struct.pack
  local records = c.rest
  if verb == 'advance' then
    if c.at > now then
      -- The clock stepped back: what lies in the future came now.
      local kept = {}
      for index = 1, #records / SIZE do
        local at, units = decode(RECORD, records, (index - 1) * SIZE + 1)
        kept[index] = encode(RECORD, min(at, now), units)
      end
      records, c.at, c.kept_until = table.concat(kept), now, 0
    end
    local position = 1
    while position < #records do
      local at, units = decode(RECORD, records, position)
      if at + c.window_ms > now then break end
      c.used = c.used - units
      position = position + SIZE
    end
    c.rest = position > 1 and string.sub(records, position) or records
  elseif verb == 'admits' then
    return c.cost <= c.limit - c.used
  elseif verb == 'charge' then
    local units = min(c.cost, MAX_INTEGER - c.used)
    c.at, c.used, c.rest = now, c.used + units, records .. encode(RECORD, now, units)
  elseif verb == 'refund' then
    local left, kept, count = c.cost, {}, #records / SIZE
    for index = count, 1, -1 do
      local at, units = decode(RECORD, records, (index - 1) * SIZE + 1)
      local taken = (charged_at < 0 or at == charged_at) and min(left, units) or 0
      left = left - taken
      kept[index] = units > taken and encode(RECORD, at, units - taken) or ''
    end
    c.used, c.rest = c.used - (c.cost - left), table.concat(kept, '', 1, count)
    if c.rest ~= '' then c.at = decode(RECORD, c.rest, #c.rest - SIZE + 1) end
  elseif verb == 'status' then
    return c.limit - c.used, records == '' and 0 or c.at + c.window_ms - now
  elseif verb == 'retry' then
    local lacking = c.used + c.cost - c.limit
    for position = 1, #records, SIZE do
      local at, units = decode(RECORD, records, position)
      lacking = lacking - units
      if lacking <= 0 then return at + c.window_ms - now end
    end
    return c.window_ms
  end
end

-- The values of a key, or nil if they are not ours.
local function read(key)
  local value = redis.call('GET', key)
  if not value then return { FORMAT } end
  if string.byte(value) ~= FORMAT then return nil end

  local values, offset = nil, 0
  if #value <= CHUNK then
    values = { cmsgpack.unpack(value) }
  else
    values = {}
    while offset >= 0 do
      local part = { cmsgpack.unpack_limit(value, CHUNK, offset) }
      offset = part[1]
      for index = 2, #part do
        values[#values + 1] = part[index]
      end
    end
  end
  return #values % COUNTER == 1 and values or nil
end

-- Stores the counters that are not over for good, for as long as the last of them needs.
local function write(key, values)
  local size, kept_until = 1, 0
  for slot = 2, #values, COUNTER do
    if values[slot + 1] + GRACE > now then
      if values[slot + 1] > kept_until then kept_until = values[slot + 1] end
      if slot > size + 1 then
        for offset = 0, COUNTER - 1 do
          values[size + 1 + offset] = values[slot + offset]
        end
      end
      size = size + COUNTER
    end
  end
  if size == 1 then return redis.call('DEL', key) end

  local value = cmsgpack.pack(unpack(values, 1, min(size, CHUNK)))
  for from = CHUNK + 1, size, CHUNK do
    value = value .. cmsgpack.pack(unpack(values, from, min(size, from + CHUNK - 1)))
  end
  redis.call('SET', key, value, 'PX', kept_until + GRACE - now)
end

local verb, count = ARGV[1], (#ARGV - 2) / CHARGE
-- Room for the reply of one charge, so that it need not grow.
local reply = { now, 1, nil, nil, nil, nil }
local subjects, changed, charges = {}, {}, {}

for index = 1, #KEYS do
  subjects[index] = read(KEYS[index])
  if not subjects[index] then return redis.error_reply('CORRUPT A key of the limiter holds something else') end
end

for index = 1, count do
  local position = (index - 1) * CHARGE + 2
  local subject, id, window_ms = ARGV[position + 1] + 0, ARGV[position + 2], ARGV[position + 5] + 0
  local values, slot = subjects[subject], 2
  while values[slot] and values[slot] ~= id do
    slot = slot + COUNTER
  end

  local name = ARGV[position + 3]
  local c = {
    subject = subject,
    slot = slot,
    algorithm = name == 'sliding' and sliding or name == 'fixed' and fixed or name == 'bucket' and bucket or log,
    limit = ARGV[position + 4] + 0,
    window_ms = window_ms,
    burst = ARGV[position + 6] + 0,
    block_ms = ARGV[position + 7] + 0,
    cost = ARGV[position + 9] + 0,
    admitted = true,
    blocked_until = false,
    -- Never seen: as if last used before the epoch, by nobody.
    kept_until = now,
    stored_ms = window_ms,
    at = -1,
    used = 0,
    rest = '',
  }
  if not values[slot] then
    values[slot], values[slot + 1], values[slot + 2] = id, 0, 0
    values[slot + 3], values[slot + 4], values[slot + 5] = 0, 0, 0
  end
  local kept_until, stored_ms = values[slot + 1], values[slot + 2]
  if kept_until > 0 and verb == 'reset' then
    values[slot + 1], changed[subject] = 0, true
  elseif stored_ms > 0 then
    c.kept_until, c.stored_ms = kept_until, stored_ms
    c.at, c.used, c.rest = values[slot + 3], values[slot + 4], values[slot + 5]
  elseif kept_until > now and c.block_ms == 0 then
    c.kept_until = 0
  elseif kept_until > now then
    -- A block never outlasts the policy's own, not even when the clock steps back or the policy changes.
    c.blocked_until = min(kept_until, now + c.block_ms)
    c.kept_until = c.blocked_until < kept_until and 0 or kept_until
  end
  if not c.blocked_until then c.algorithm(c, 'advance') end

  if verb == 'consume' and c.cost > 0 and ARGV[2] ~= '1' then
    c.admitted = not c.blocked_until and c.limit > 0 and c.algorithm(c, 'admits')
    if not c.admitted and ARGV[position + 8] == '1' then reply[2] = 0 end
  end
  charges[index] = c
end

for index = 1, count do
  local c = charges[index]
  local limit, cost, block_ms = c.limit, c.cost, c.block_ms
  local stored = subjects[c.subject][c.slot + 1] > 0
  local possible = limit > 0 and cost <= c.burst

  if verb == 'consume' then
    if not c.admitted then
      if block_ms > 0 and possible and not c.blocked_until then
        c.blocked_until, c.kept_until = now + block_ms, 0
        c.at, c.used, c.rest = 0, 0, ''
      end
    elseif reply[2] == 1 and cost > 0 and limit > 0 and not c.blocked_until then
      c.algorithm(c, 'charge')
      c.kept_until = 0
    end
  elseif verb == 'refund' and stored and cost > 0 and limit > 0 and not c.blocked_until then
    c.algorithm(c, 'refund', ARGV[2] + 0)
    c.kept_until = 0
  end

  local remaining, reset, retry = 0, 0, 0
  if c.blocked_until then
    reset = c.blocked_until - now
  elseif limit > 0 then
    remaining, reset = c.algorithm(c, 'status')
  end
  if not c.admitted then
    retry = not possible and -1 or c.blocked_until and reset or c.algorithm(c, 'retry')
  end
  local place = index * 4
  reply[place - 1], reply[place] = c.admitted and 1 or 0, remaining > 0 and remaining or 0
  reply[place + 1], reply[place + 2] = reset, retry

  local outlives = reset > 0 and now + reset > c.kept_until
  if verb ~= 'peek' and limit > 0 and (outlives or c.kept_until == 0) then
    local values, slot = subjects[c.subject], c.slot
    changed[c.subject] = true
    values[slot + 1], values[slot + 2] = reset > 0 and now + reset or 0, c.blocked_until and 0 or c.window_ms
    values[slot + 3], values[slot + 4], values[slot + 5] = c.at, c.used, c.rest
  end
end

for index = 1, #KEYS do
  if changed[index] then write(KEYS[index], subjects[index]) end
end
return reply
`;
