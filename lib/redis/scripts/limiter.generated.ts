// Made from limiter.lua by scripts/embed-lua.mjs: edit that, then run `npm run lua`.

export const LIMITER_SCRIPT = `--[[
Decides calls and counts them: each verb of the limiter, atomically, for any number of policies and subjects.
The arithmetic is that of lib/algorithms, operation by operation.

KEYS  one key for each subject of the call

ARGV  1  verb: consume, overdraw (which charges even where the quota does not suffice), peek, refund or reset
      2  of refund: the time of the charge that is given back, ms; -1 if unknown
      and then two for each charge:
      +1 'algorithm limit windowMs cost', the algorithm being sliding, fixed, bucket or log; and, unless these are
         '1 <limit> 0 1 -1', ' subject burst blockForMs enforced owed': its number in KEYS, the capacity, 0 for no
         block, 0 for a shadow policy, what a bucket owed right after the charge that is given back, -1 if unknown
      +2 storage id of the counter

Reply now (ms), and three for each charge: remaining, resetAfterMs, retryAfterMs (0: allowed, -1: refused for ever).
      The error CORRUPT where a key holds something else; WRONGTYPE is raised as it is.

A key holds MessagePack values in a row: FORMAT, the time at which it expires (ms), and six for each counter of its
      subject: id, keptUntil (ms; from then on it is as if never seen), windowMs (0: blocked until keptUntil), and
                 at                       used                        rest
        fixed    window since the epoch   its units
        sliding  window since the epoch   its units                   units of the window before
        bucket   a time, ms               what it lacked of being     the limit it refills at
                                          full then, tokens x windowMs
        log      newest time, ms          units in all                units, oldest first, as RECORDs of time and number
It expires at least GRACE ms after the last counter is over: a clock that steps back by less finds all of them again.

It is one run of code, since Lua would build functions anew for each call; and \`+ 0\` makes a number of a string at half
the price. Numbers are whole and below 2^53 throughout.
]]

local FORMAT, HEAD, COUNTER, CHARGE, GRACE = 1, 2, 6, 2, 1000
-- As many values at once as surely fit Lua's stack.
local CHUNK = 3000
local MAX_PRODUCT, MAX_INTEGER = 4503599627370496, 9007199254740991
local RECORD, RECORD_SIZE = '>I6I7', 13

local KEYS, ARGV, call, match = KEYS, ARGV, redis.call, string.match
local ceil, floor, min, max = math.ceil, math.floor, math.min, math.max

local time = call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)
local verb = ARGV[1]
local consumes = verb == 'consume' or verb == 'overdraw'

-- 1. What is stored of the subjects.
local subjects, changed = {}, {}
for index = 1, #KEYS do
  local value, values = call('GET', KEYS[index]), nil
  if not value then
    values = { FORMAT, 0 }
  elseif #value <= CHUNK then
    values = { cmsgpack.unpack(value) }
  else
    local offset = 0
    values = {}
    while offset >= 0 do
      local part = { cmsgpack.unpack_limit(value, CHUNK, offset) }
      offset = part[1]
      for place = 2, #part do
        values[#values + 1] = part[place]
      end
    end
  end
  if values[1] ~= FORMAT or #values % COUNTER ~= HEAD then
    return redis.error_reply('CORRUPT A key of the limiter holds something else')
  end
  subjects[index] = values
end

-- 2. Each counter as of now, and whether its policy admits the call. A counter whose kept_until is 0 must be stored.
local before = verb == 'refund' and 2 or 1
local count = (#ARGV - before) / CHARGE
local charges, allowed = {}, true
-- Of one charge after the other. With one alone, which most calls have, they need not be put aside in between.
local subject, slot, algorithm, limit, window_ms, burst, block_ms, cost, owed, admitted
local blocked_until, kept_until, at, used, rest
for index = 1, count do
  local position, modifiers = before + (index - 1) * CHARGE, nil
  algorithm, limit, window_ms, cost, modifiers = match(ARGV[position + 1], '^(%a+) (%d+) (%d+) (%d+)(.*)$')
  limit, window_ms, cost = limit + 0, window_ms + 0, cost + 0
  local id, enforced = ARGV[position + 2], true
  subject, burst, block_ms, owed = 1, limit, 0, -1
  if modifiers ~= '' then
    local number, capacity, block, mode, debt = match(modifiers, '^ (%d+) (%d+) (%d+) (%d) (%-?%d+)$')
    subject, burst, block_ms, enforced, owed = number + 0, capacity + 0, block + 0, mode == '1', debt + 0
  end

  -- Never seen: as if last used before the epoch, by nobody.
  local stored_ms = window_ms
  kept_until, at, used, rest, blocked_until = now, -1, 0, '', false
  local values = subjects[subject]
  slot = HEAD + 1
  while values[slot] and values[slot] ~= id do
    slot = slot + COUNTER
  end
  if not values[slot] then
    values[slot], values[slot + 1], values[slot + 2] = id, 0, 0
    values[slot + 3], values[slot + 4], values[slot + 5] = 0, 0, 0
  elseif verb == 'reset' then
    values[slot + 1], changed[subject] = 0, true
  elseif values[slot + 2] > 0 then
    kept_until, stored_ms = values[slot + 1], values[slot + 2]
    at, used, rest = values[slot + 3], values[slot + 4], values[slot + 5]
  elseif values[slot + 1] > now and block_ms == 0 then
    kept_until = 0
  elseif values[slot + 1] > now then
    -- A block never outlasts the policy's own, not even when the clock steps back or the policy changes.
    kept_until = values[slot + 1]
    blocked_until = min(kept_until, now + block_ms)
    if blocked_until < kept_until then kept_until = 0 end
  end

  if blocked_until then
    -- Nothing is counted meanwhile.
  elseif algorithm == 'sliding' then
    local window = (now - now % stored_ms) / stored_ms
    if at < window then
      at, rest, used = window, at == window - 1 and used or 0, 0
    elseif at > window + 1 then
      at, kept_until = window + 1, 0
    end
    if stored_ms ~= window_ms then
      local units = ceil((rest * min(stored_ms, (at + 1) * stored_ms - now)) / stored_ms) + used
      at, used, rest, kept_until = floor(now / window_ms), min(units, floor(MAX_PRODUCT / window_ms)), 0, 0
    end
  elseif algorithm == 'fixed' then
    local window = (now - now % window_ms) / window_ms
    if stored_ms ~= window_ms then
      if floor(now / stored_ms) > at then used = 0 end
      at, kept_until = window, 0
    elseif at < window then
      at, used = window, 0
    elseif at > window + 1 then
      at, kept_until = window + 1, 0
    end
  elseif algorithm == 'bucket' then
    if used > 0 then
      if at > now or rest ~= limit or stored_ms ~= window_ms then kept_until = 0 end
      local elapsed = max(0, now - at)
      used = elapsed >= used / rest and 0 or used - elapsed * rest
      if stored_ms ~= window_ms then
        local part = ceil(((used % stored_ms) * window_ms) / stored_ms)
        used = min(floor(used / stored_ms) * window_ms + part, MAX_PRODUCT)
      end
    end
    at, rest = now, limit
  else
    if at > now then
      -- The clock stepped back: what lies in the future came now.
      local records = {}
      for start = 1, #rest, RECORD_SIZE do
        local came, units = struct.unpack(RECORD, rest, start)
        records[#records + 1] = struct.pack(RECORD, min(came, now), units)
      end
      at, rest, kept_until = now, table.concat(records), 0
    end
    local start = 1
    while start < #rest do
      local came, units = struct.unpack(RECORD, rest, start)
      if came + window_ms > now then break end
      used, start = used - units, start + RECORD_SIZE
    end
    if start > 1 then rest = string.sub(rest, start) end
  end

  admitted = true
  if verb == 'consume' and cost > 0 then
    local free = limit - used - cost
    if blocked_until or limit == 0 then
      admitted = false
    elseif algorithm == 'sliding' then
      admitted = free >= 0 and rest * min(window_ms, (at + 1) * window_ms - now) <= free * window_ms
    elseif algorithm == 'bucket' then
      admitted = cost <= burst and used <= (burst - cost) * window_ms
    else
      admitted = free >= 0
    end
    if enforced and not admitted then allowed = false end
  end

  if count > 1 then
    charges[index] = {
      subject, slot, algorithm, limit, window_ms, burst, block_ms, cost, owed, admitted,
      blocked_until, kept_until, at, used, rest,
    }
  end
end

-- 3. Charges, gives back or blocks, and tells.
local reply = { now, nil, nil, nil }
for index = 1, count do
  if count > 1 then
    subject, slot, algorithm, limit, window_ms, burst, block_ms, cost, owed, admitted,
      blocked_until, kept_until, at, used, rest = unpack(charges[index])
  end
  local values = subjects[subject]
  local counts = cost > 0 and limit > 0 and not blocked_until
  local possible = limit > 0 and cost <= burst

  if not admitted then
    if block_ms > 0 and possible and not blocked_until then
      blocked_until, kept_until = now + block_ms, 0
      at, used, rest = 0, 0, ''
    end
  elseif consumes and allowed and counts then
    kept_until = 0
    if algorithm == 'sliding' then
      used = min(used + cost, floor(MAX_PRODUCT / window_ms))
    elseif algorithm == 'fixed' then
      used = min(used + cost, MAX_INTEGER)
    elseif algorithm == 'bucket' then
      used = min(used + cost * window_ms, MAX_PRODUCT)
    else
      local units = min(cost, MAX_INTEGER - used)
      at, used, rest = now, used + units, rest .. struct.pack(RECORD, now, units)
    end
  elseif verb == 'refund' and counts and values[slot + 1] > 0 then
    local charged_at = ARGV[2] + 0
    kept_until = 0
    if algorithm == 'bucket' then
      local back = cost * window_ms
      if owed >= 0 then
        -- What was owed first is repaid first.
        back = min(back, max(0, owed - (charged_at < 0 and 0 or max(0, now - charged_at)) * limit))
      end
      used = max(0, used - back)
    elseif algorithm == 'fixed' then
      if charged_at < 0 or floor(charged_at / window_ms) == at then used = max(0, used - cost) end
    elseif algorithm == 'sliding' then
      if charged_at < 0 then
        used, rest = max(0, used - cost), max(0, rest - max(0, cost - used))
      elseif floor(charged_at / window_ms) == at then
        used = max(0, used - cost)
      elseif floor(charged_at / window_ms) == at - 1 then
        rest = max(0, rest - cost)
      end
    else
      -- The newest first.
      local left, records, count = cost, {}, #rest / RECORD_SIZE
      for record = count, 1, -1 do
        local came, units = struct.unpack(RECORD, rest, (record - 1) * RECORD_SIZE + 1)
        local taken = (charged_at < 0 or came == charged_at) and min(left, units) or 0
        left = left - taken
        records[record] = units > taken and struct.pack(RECORD, came, units - taken) or ''
      end
      used, rest = used - (cost - left), table.concat(records, '', 1, count)
      if rest ~= '' then at = struct.unpack(RECORD, rest, #rest - RECORD_SIZE + 1) end
    end
  end

  -- Until the present window ends; it may be one to come, where the clock stepped back.
  local until_next = (at + 1) * window_ms - now
  local remaining, reset, retry = 0, 0, 0
  if blocked_until then
    reset = blocked_until - now
  elseif limit == 0 then
    -- Nothing is counted.
  elseif algorithm == 'sliding' then
    remaining = limit - (ceil((rest * min(window_ms, until_next)) / window_ms) + used)
    if used > 0 then
      reset = until_next + window_ms
    elseif rest > 0 then
      reset = until_next
    end
  elseif algorithm == 'fixed' then
    remaining = limit - used
    if used > 0 then reset = until_next end
  elseif algorithm == 'bucket' then
    remaining, reset = floor((burst * window_ms - used) / window_ms), ceil(used / limit)
  else
    remaining = limit - used
    if rest ~= '' then reset = at + window_ms - now end
  end

  if admitted then
    -- At once.
  elseif not possible then
    retry = -1
  elseif blocked_until then
    retry = reset
  elseif algorithm == 'sliding' then
    local free = limit - used - cost
    if free >= 0 then
      retry = until_next - floor((free * window_ms) / rest)
    else
      retry = until_next + window_ms - floor(((limit - cost) * window_ms) / used)
    end
  elseif algorithm == 'fixed' then
    retry = until_next
  elseif algorithm == 'bucket' then
    retry = ceil((used - (burst - cost) * window_ms) / limit)
  else
    local lacking = used + cost - limit
    retry = window_ms
    for start = 1, #rest, RECORD_SIZE do
      local came, units = struct.unpack(RECORD, rest, start)
      lacking = lacking - units
      if lacking <= 0 then
        retry = came + window_ms - now
        break
      end
    end
  end

  local place = index * 3
  reply[place - 1], reply[place], reply[place + 1] = remaining > 0 and remaining or 0, reset, retry

  -- A limit of 0 leaves all as it is.
  local outlives = reset > 0 and now + reset > kept_until
  if verb ~= 'peek' and limit > 0 and (outlives or kept_until == 0) then
    changed[subject] = true
    values[slot + 1], values[slot + 2] = reset > 0 and now + reset or 0, blocked_until and 0 or window_ms
    values[slot + 3], values[slot + 4], values[slot + 5] = at, used, rest
  end
end

-- 4. Stores the counters that are not over for good, for at least as long as the last of them needs.
for index = 1, #KEYS do
  if changed[index] then
    local values, size, kept_until = subjects[index], HEAD, 0
    for slot = HEAD + 1, #values, COUNTER do
      local kept = values[slot + 1]
      if kept + GRACE > now then
        if kept > kept_until then kept_until = kept end
        if slot > size + 1 then
          for offset = 0, COUNTER - 1 do
            values[size + 1 + offset] = values[slot + offset]
          end
        end
        size = size + COUNTER
      end
    end

    if size == HEAD then
      call('DEL', KEYS[index])
    else
      -- An expiry that need not change is half the price: one that moves with each call is set a little ahead.
      local needed, renewed = kept_until + GRACE, false
      if needed > values[2] then
        values[2], renewed = needed + floor((needed - now) / 16), true
      end
      local value = cmsgpack.pack(unpack(values, 1, size < CHUNK and size or CHUNK))
      for from = CHUNK + 1, size, CHUNK do
        value = value .. cmsgpack.pack(unpack(values, from, min(size, from + CHUNK - 1)))
      end
      if renewed then
        call('SET', KEYS[index], value, 'PX', values[2] - now)
      else
        call('SET', KEYS[index], value, 'KEEPTTL')
      end
    end
  end
end
return reply
`;
