// Made from limiter.lua by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const LIMITER_SCRIPT = `--[[
Decides on calls and counts them. Each verb is atomic, for any number of policies and subjects.
The arithmetic is that of lib/algorithms, step by step.

KEYS  one key for each subject of the call; for batch, the keys of all calls, in order

ARGV  1  verb: consume, overdraw (charges even if the quota is not enough), peek, refund, renew (starts the leases of
         held slots again), reset, run or batch
      2  for refund: the time of the charge that is given back, ms; -1 if unknown
         for run: the number of consume calls with these charges, one after another. All their policies enforce, and
         none has a block or a log. The caller computes the status of each call from the reply
      Then one argument for each charge: limit, windowMs and cost, each as five digits in base 128, and the id. If a
         number needs more digits, or the charge has more fields, decimals follow the id and replace the digits:
         ' limit windowMs cost subject burst blockForMs enforced owed'. subject: its number in KEYS (default 1); burst:
         the capacity (default: limit); blockForMs: 0 for no block (default); enforced: 0 for a shadow policy (default
         1); owed: the debt of a bucket right after the charge that is given back, -1 if unknown (default), or the name
         of a slot. For a calendar window, ' kind b1 b2 b3 b4 b5' follows: its kind (from 1), the borders (ms) of the
         three windows around the caller's time, and the end of the next window

Reply one string, because an array of numbers costs more than the decision. A STATUS for each charge: now (ms),
      remaining, resetAfterMs, retryAfterMs (0: allowed, -1: never allowed), nextUnitAfterMs. If the call is refused, a
      STATE for each charge follows: at, used and rest of its current counter; if it is blocked, the end of the block,
      BLOCKED and 0; for a log or slots 0, UNTOLD and 0.
      For run: now, the number of admitted calls, and a STATE for each charge, from before the run.
      For batch, for each call: the LENGTH of its reply, and the reply. If a call fails: the LENGTH of its error plus
      FAILED, and the text of the error. The other calls continue.
      Errors: CORRUPT if a key does not begin like a key of the limiter; WRONGTYPE of Redis; 'BORDERS now' if the
      server's time is outside the given borders.

In a batch, the second argument has the SHAPE of each call: its number of keys and its number of arguments, each as two
digits in base 128. The arguments of all calls follow, in order.

A key holds a HEAD: FORMAT and the time at which it expires (ms). A COUNTER follows for each policy of its subject:
      id (its first letter is the algorithm: fixed, sliding, bucket, Log, strict Window or Concurrency), keptUntil (ms;
      from then on it counts as new), windowMs (0: blocked until keptUntil), and
                 at                       used                        rest
        fixed    end of the window, ms    its units                   0, or the kind of calendar window
        sliding  window since the epoch   its units                   units of the window before
        bucket   a time, ms               its debt at that time,      the limit it refills at
                                          tokens x windowMs
        Log,     newest time, ms          all units                   bytes of its records, which follow: RECORDs of
        Window                                                        time and units, oldest first
        Concur-  latest end of a lease    slots                       bytes of its records, which follow: RECORDs of
        rency                                                         the end of a lease (ms) and the slot's name
It expires at least GRACE ms after its last counter: if the clock steps back by less, no counter is lost.

New functions, tables and strings cost more than the decision. So the code is inline, and helpers are created only for
calls that need them. Each pass assumes that all charges are admitted; if a later one is not, another pass starts.
Numbers of a charge are bytes, and decimals only in rare cases. \`+ 0\` costs half as much as tonumber.

All numbers are whole. Stored and returned numbers are below 2^53. Larger products are only compared or clamped.
]]

-- Decides on a call at \`time\` (a reply of TIME; default: now).
local function decide(KEYS, ARGV, time)

local FORMAT, EMPTY, GRACE = 3, '\\3\\0\\0\\0\\0\\0\\0\\0', 1000
local HEAD, HEAD_SIZE = '>BI7', 8
local COUNTER, COUNTER_SIZE = '>c10I7I6I6I7I7', 43
local FIXED, SLIDING, BUCKET, STRICT, SLOTS = 102, 115, 98, 87, 67 -- the letters f, s, b, W and C
local CAPITALS = 91 -- letters below this are capitals: records follow
local RECORD, RECORD_SIZE = '>I6I7', 13
local MAX_RECORDS = 60 -- in a strict window
local LEAST_WAIT = 1000 -- retry time for a slot, ms
local PLAIN_SIZE = 25
local STATUS = '>ddddd'
local STATE, BLOCKED, UNTOLD = '>ddd', -1, -2
local MAX_PRODUCT, MAX_INTEGER, MAX_WIDE = 4503599627370496, 9007199254740991, 34359738367

local call, byte, sub = redis.call, string.byte, string.sub
local pack, unpack, floor, ceil, min, max = struct.pack, struct.unpack, math.floor, math.ceil, math.min, math.max

time = time or call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)
local verb = ARGV[1]
local first = (verb == 'refund' or verb == 'run') and 3 or 2
-- Admitted calls of a run: all, until a policy admits fewer.
local calls = verb == 'run' and ARGV[2] + 0

-- 1. The current subject: its number in KEYS, its stored value, its new value, and how long changes are kept (0: no
-- change). \`done\` replaces all counters of \`value\` before \`left_from\`: the counters of a call are mostly adjacent.
-- Nearly every call has one subject. If there are several, a table holds the others.
local subject = 1
local stored, value, kept, done, left_from
local others = #KEYS > 1 and {}
local take_up = others and function(number)
  others[subject] = { stored, value, kept, done, left_from }
  subject = number
  local other = others[number] or {}
  stored, value, kept, done, left_from = other[1], other[2], other[3], other[4], other[5]
end

-- a * b / c, exact and then rounded, if a product of a sliding window is above MAX_PRODUCT. Divides \`a\` in two parts,
-- like lib/algorithms/quotient.ts. Created only if needed.
local quotient

local allowed = true
local reply, states, again
-- At most two passes: a refused call stays refused. A run needs one more for each policy that admits fewer calls.
local passes = 0
repeat
  passes = passes + 1
  -- An endless loop would block the server. Nothing is stored yet.
  if passes > #ARGV then return redis.error_reply('ENDLESS The limiter does not come to a decision') end
  again, reply, states = false, '', ''
  for index = 1, #KEYS do
    if index ~= subject then take_up(index) end
    if not stored then
      stored = call('GET', KEYS[index]) or EMPTY
      if stored ~= EMPTY and (byte(stored) ~= FORMAT or #stored < HEAD_SIZE + COUNTER_SIZE) then
        return redis.error_reply('CORRUPT A key of the limiter holds something else')
      end
    end
    value, kept, done, left_from = stored, 0, '', HEAD_SIZE + 1
  end

  for index = first, #ARGV do
    local argument = ARGV[index]
    -- Three numbers of five digits, and the letter of the id.
    local a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, algorithm = byte(argument, 1, 16)
    local limit = (((a * 128 + b) * 128 + c) * 128 + d) * 128 + e
    local window_ms = (((f * 128 + g) * 128 + h) * 128 + i) * 128 + j
    local cost = (((k * 128 + l) * 128 + m) * 128 + n) * 128 + o
    local id = sub(argument, 16, PLAIN_SIZE)
    local number, burst, block_ms, enforced, owed = 1, limit, 0, true, -1
    local kind, ends, next_ends, borders = 0, nil, nil, nil
    local held, first_end = '', nil
    if #argument > PLAIN_SIZE then
      local pattern = '^ (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d) (%-?%d+)(.*)$'
      limit, window_ms, cost, number, burst, block_ms, enforced, owed, borders =
        string.match(argument, pattern, PLAIN_SIZE + 1)
      limit, window_ms, cost, number = limit + 0, window_ms + 0, cost + 0, number + 0
      burst, block_ms, enforced, owed = burst + 0, block_ms + 0, enforced == '1', owed + 0
      if borders ~= '' then
        local one, two, three, four, five
        kind, one, two, three, four, five = string.match(borders, '^ (%d) (%d+) (%d+) (%d+) (%d+) (%d+)$')
        kind, one, two, three, four, five = kind + 0, one + 0, two + 0, three + 0, four + 0, five + 0
        if now < one or now >= four then return redis.error_reply(string.format('BORDERS %.0f', now)) end
        if now >= three then
          window_ms, ends, next_ends = four - three, four, five
        elseif now >= two then
          window_ms, ends, next_ends = three - two, three, four
        else
          window_ms, ends, next_ends = two - one, two, three
        end
      end
    end
    if number ~= subject then take_up(number) end

    local logs = algorithm < CAPITALS
    -- Length of a sub-window of a strict window, ms.
    local part_ms = limit > MAX_RECORDS and ceil(window_ms / (MAX_RECORDS - 1)) or 1

    -- 2. The counter: its position, its size (0: not found), and its state.
    local place, size = left_from, 0
    local stored_id, kept_until, stored_ms, at, used, rest
    while true do
      if place > #value then
        if left_from == HEAD_SIZE + 1 then break end
        -- It may be before the counters that were read: searches from the start.
        value, done, left_from = sub(value, 1, HEAD_SIZE) .. done .. sub(value, left_from), '', HEAD_SIZE + 1
        place = HEAD_SIZE + 1
        if place > #value then break end
      end
      stored_id, kept_until, stored_ms, at, used, rest = unpack(COUNTER, value, place)
      if stored_id == id then
        size = COUNTER_SIZE + (logs and rest or 0)
        break
      end
      place = place + COUNTER_SIZE + (byte(stored_id) < CAPITALS and rest or 0)
    end

    -- kept_until is 0: the counter must be stored in any case. It is now: only if something is counted.
    local blocked_until = false
    if size > 0 and stored_ms == 0 and kept_until > now and block_ms > 0 and verb ~= 'reset' then
      -- A block never lasts longer than blockForMs, even if the clock steps back or the policy changes.
      blocked_until = min(kept_until, now + block_ms)
      if blocked_until < kept_until then kept_until = 0 end
    elseif size == 0 or stored_ms == 0 or verb == 'reset' then
      -- A new or reset counter, or an ended block: empty, from before the epoch.
      kept_until = size > 0 and (kept_until > now or verb == 'reset') and 0 or now
      stored_ms, at, used, rest = window_ms, -1, 0, logs and '' or kind
    elseif logs then
      rest = sub(value, place + COUNTER_SIZE, place + size - 1)
    end

    -- 3. Moves the counter to now. For a bucket: the debt of a token, and the debt that a millisecond repays.
    local token, per_ms = window_ms, limit
    if blocked_until then
      -- A block counts nothing.
    elseif algorithm == SLIDING then
      local window = (now - now % stored_ms) / stored_ms
      if at < window then
        at, rest, used = window, at == window - 1 and used or 0, 0
      elseif at > window + 1 then
        at, kept_until = window + 1, 0
      end
      if not quotient and max(rest, used, limit) * max(stored_ms, window_ms) > MAX_PRODUCT then
        quotient = function(a, b, c, round)
          local upper = floor(a / 131072) * b
          return floor(upper / c) * 131072 + round(((upper % c) * 131072 + (a % 131072) * b) / c)
        end
      end
      if stored_ms ~= window_ms then
        local left = min(stored_ms, (at + 1) * stored_ms - now)
        local units = (quotient and quotient(rest, left, stored_ms, ceil) or ceil((rest * left) / stored_ms)) + used
        at, used, rest, kept_until = floor(now / window_ms), min(units, max(floor(MAX_PRODUCT / window_ms), MAX_WIDE)), 0, 0
      end
    elseif algorithm == FIXED then
      if kind == 0 then
        ends = now - now % window_ms + window_ms
        next_ends = ends + window_ms
      end
      local otherwise = rest ~= kind or kind == 0 and stored_ms ~= window_ms
      if otherwise then kept_until = 0 end
      if at <= now then
        at, used = ends, 0
      elseif otherwise or at < next_ends and at ~= ends then
        at, kept_until = ends, 0
      elseif at >= next_ends then
        if at > next_ends then kept_until = 0 end
        at, window_ms = next_ends, next_ends - ends
      end
      rest = kind
    elseif algorithm == BUCKET then
      if limit * window_ms > MAX_PRODUCT then
        local divisor, left = limit, window_ms
        while left > 0 do divisor, left = left, divisor % left end
        token, per_ms = window_ms / divisor, limit / divisor
      end
      if used > 0 then
        local stored_token, stored_per_ms = token, per_ms
        if rest ~= limit or stored_ms ~= window_ms then
          stored_token, stored_per_ms, kept_until = stored_ms, rest, 0
          if rest * stored_ms > MAX_PRODUCT then
            local divisor, left = rest, stored_ms
            while left > 0 do divisor, left = left, divisor % left end
            stored_token, stored_per_ms = stored_ms / divisor, rest / divisor
          end
        elseif at > now then
          kept_until = 0
        end
        -- A product too large to be exact is larger than any debt.
        local left = used - (now > at and now - at or 0) * stored_per_ms
        used = left > 0 and left or 0
        if stored_token ~= token then
          local part = ceil(((used % stored_token) * token) / stored_token)
          used = min(floor(used / stored_token) * token + part, MAX_PRODUCT)
        end
      end
      at, rest = now, limit
    elseif algorithm == SLOTS then
      local live = {}
      at, used, held, first_end = 0, 0, '', nil
      for start = 1, #rest, RECORD_SIZE do
        local lease_end, slot = unpack(RECORD, rest, start)
        if lease_end > now then
          -- No lease is longer than one that starts now: the clock may have stepped back, or the policy changed.
          if lease_end > now + window_ms then lease_end, kept_until = now + window_ms, 0 end
          used = used + 1
          if slot == owed then
            held = pack(RECORD, lease_end, slot)
          else
            live[#live + 1] = pack(RECORD, lease_end, slot)
            at = max(at, lease_end)
          end
          first_end = min(first_end or lease_end, lease_end)
        end
      end
      -- The call's own slot is in \`held\`, and is added last.
      rest = table.concat(live)
    else
      if at > now then
        -- The clock stepped back: future records become one record of now.
        local past, ahead = #rest, 0
        while past > 0 do
          local came, units = unpack(RECORD, rest, past - RECORD_SIZE + 1)
          if came < now then break end
          past, ahead = past - RECORD_SIZE, ahead + units
        end
        at, rest, kept_until = now, sub(rest, 1, past) .. pack(RECORD, now, ahead), 0
      end
      local start = 1
      while start < #rest do
        local came, units = unpack(RECORD, rest, start)
        if came + window_ms > now then break end
        used, start = used - units, start + RECORD_SIZE
      end
      if start > 1 then rest = sub(rest, start) end
    end

    -- 4. Checks whether the policy admits the call.
    local each = cost
    if calls then
      states, cost = states .. pack(STATE, at, used, rest), calls * each
    end
    -- Time until the window ends. It may be a future window, if the clock stepped back.
    local until_next, free = (algorithm == FIXED and at or (at + 1) * window_ms) - now, limit - used - cost
    local covered = until_next < window_ms and until_next or window_ms
    local admitted = true
    if (verb == 'consume' or calls) and cost > 0 then
      if blocked_until or limit == 0 then
        admitted = false
      elseif algorithm == SLIDING then
        local older = quotient and quotient(rest, covered, window_ms, ceil) or ceil((rest * covered) / window_ms)
        admitted = older <= free
      elseif algorithm == BUCKET then
        admitted = used <= (burst - cost) * token
      elseif algorithm == SLOTS then
        admitted = free >= 0 or held ~= ''
      else
        admitted = free >= 0
      end
      if calls and not admitted then
        local left = 0
        if limit == 0 then
          -- A limit of 0 counts nothing.
        elseif algorithm == SLIDING then
          local older = quotient and quotient(rest, covered, window_ms, ceil) or ceil((rest * covered) / window_ms)
          left = limit - older - used
        elseif algorithm == BUCKET then
          left = floor((burst * token - used) / token)
        else
          left = limit - used
        end
        calls, again = max(0, floor(left / each)), true
      elseif allowed and enforced and not admitted then
        allowed, again = false, index > first
        if again then break end
      end
    end

    -- 5. Charges, refunds or blocks.
    local possible = admitted
    if not admitted then
      possible = limit > 0 and cost <= burst
      if block_ms > 0 and possible and not blocked_until then
        blocked_until, kept_until, at, used, rest = now + block_ms, 0, 0, 0, 0
      end
    elseif cost == 0 or blocked_until then
      -- Nothing to count.
    elseif verb == 'consume' or verb == 'overdraw' or calls then
      if allowed then
        kept_until = 0
        if algorithm == SLIDING then
          used = used + cost
          if used * window_ms > MAX_PRODUCT then used = min(used, max(floor(MAX_PRODUCT / window_ms), MAX_WIDE)) end
        elseif algorithm == FIXED then
          used = min(used + cost, MAX_INTEGER)
        elseif algorithm == BUCKET then
          used = min(used + cost * token, MAX_PRODUCT)
        elseif algorithm == SLOTS then
          if held == '' then used = used + 1 end
          held = pack(RECORD, now + window_ms, owed)
        else
          local units = min(cost, MAX_INTEGER - used)
          used = used + units
          if algorithm == STRICT and rest ~= '' then
            -- Joins the newest record if the sub-window is the same, there are no units, or the log is full.
            local together = floor(at / part_ms) == floor(now / part_ms)
            if together or units == 0 or #rest >= MAX_RECORDS * RECORD_SIZE then
              local _, others = unpack(RECORD, rest, #rest - RECORD_SIZE + 1)
              rest, units = sub(rest, 1, #rest - RECORD_SIZE), others + units
            end
          end
          at, rest = now, rest .. pack(RECORD, now, units)
        end
      end
    elseif verb == 'refund' and size > 0 then
      local charged_at = ARGV[2] + 0
      kept_until = 0
      if algorithm == BUCKET then
        local back = cost * token
        if owed >= 0 then
          -- The oldest debt is repaid first. Gives back only the unpaid rest of this charge.
          local left = floor(owed / (window_ms / token)) - (charged_at < 0 and 0 or max(0, now - charged_at)) * per_ms
          back = min(back, max(0, left))
        end
        used = max(0, used - back)
      elseif algorithm == FIXED then
        if charged_at < 0 or charged_at < at and charged_at >= at - window_ms then used = max(0, used - cost) end
      elseif algorithm == SLIDING then
        if charged_at < 0 then
          used, rest = max(0, used - cost), max(0, rest - max(0, cost - used))
        elseif floor(charged_at / window_ms) == at then
          used = max(0, used - cost)
        elseif floor(charged_at / window_ms) == at - 1 then
          rest = max(0, rest - cost)
        end
      elseif algorithm == SLOTS then
        if held ~= '' then used, held = used - 1, '' end
      else
        local holder = charged_at
        if algorithm == STRICT and charged_at >= 0 then
          -- The record of the charge, if it still counts.
          holder = nil
          for start = 1, #rest, RECORD_SIZE do
            local came = unpack(RECORD, rest, start)
            if came >= charged_at then
              local together = floor(came / part_ms) == floor(charged_at / part_ms)
              if together and charged_at + window_ms > now then holder = came end
              break
            end
          end
        end
        -- Takes from the newest records first.
        local left, records, count = cost, {}, #rest / RECORD_SIZE
        for record = count, 1, -1 do
          local came, units = unpack(RECORD, rest, (record - 1) * RECORD_SIZE + 1)
          local taken = (charged_at < 0 or came == holder) and min(left, units) or 0
          left = left - taken
          records[record] = units > taken and pack(RECORD, came, units - taken) or ''
        end
        used, rest = used - (cost - left), table.concat(records, '', 1, count)
        if rest ~= '' then at = unpack(RECORD, rest, #rest - RECORD_SIZE + 1) end
      end
    end

    if algorithm == SLOTS and not blocked_until then
      if verb == 'renew' and held ~= '' then held, kept_until = pack(RECORD, now + window_ms, owed), 0 end
      if held ~= '' then
        local lease_end = unpack(RECORD, held)
        at, rest = max(at, lease_end), rest .. held
      end
    end

    -- 6. The status: remaining units and waiting times.
    local remaining, reset, retry = 0, 0, 0
    if blocked_until then
      reset = blocked_until - now
    elseif limit == 0 then
      -- A limit of 0 counts nothing.
    elseif algorithm == SLIDING then
      local older = quotient and quotient(rest, covered, window_ms, ceil) or ceil((rest * covered) / window_ms)
      remaining = limit - (older + used)
      if used > 0 then
        reset = until_next + window_ms
      elseif rest > 0 then
        reset = until_next
      end
    elseif algorithm == FIXED then
      remaining = limit - used
      if used > 0 then reset = until_next end
    elseif algorithm == BUCKET then
      remaining, reset = floor((burst * token - used) / token), ceil(used / per_ms)
    elseif algorithm == SLOTS then
      remaining = limit - used
      if used > 0 then reset = at - now end
    else
      remaining = limit - used
      if rest ~= '' then reset = at + window_ms - now end
    end

    if admitted then
      -- No wait.
    elseif not possible then
      retry = -1
    elseif blocked_until then
      retry = reset
    elseif algorithm == SLIDING then
      local units, of, over = free, rest, until_next
      if free < 0 then units, of, over = limit - cost, used, until_next + window_ms end
      retry = over - (quotient and quotient(units, window_ms, of, floor) or floor((units * window_ms) / of))
    elseif algorithm == FIXED then
      retry = until_next
    elseif algorithm == BUCKET then
      retry = ceil((used - (burst - cost) * token) / per_ms)
    elseif algorithm == SLOTS then
      retry = max(LEAST_WAIT, first_end - now)
    else
      local lacking = used - (limit - cost)
      retry = window_ms
      for start = 1, #rest, RECORD_SIZE do
        local came, units = unpack(RECORD, rest, start)
        lacking = lacking - units
        if lacking <= 0 then
          retry = came + window_ms - now
          break
        end
      end
    end
    if remaining < 0 then remaining = 0 end

    -- Time until one more unit remains.
    local next_unit = reset
    if reset == 0 or blocked_until or algorithm == FIXED then
      -- All units return together, or none is used.
    elseif algorithm == SLIDING then
      local kept = limit - remaining - 1
      local units, of, over = kept - used, rest, until_next
      if units < 0 then units, of, over = kept, used, until_next + window_ms end
      next_unit = over - (quotient and quotient(units, window_ms, of, floor) or floor((units * window_ms) / of))
    elseif algorithm == BUCKET then
      next_unit = ceil((used - (burst - remaining - 1) * token) / per_ms)
    elseif algorithm == SLOTS then
      -- The first end of all current leases.
      first_end = nil
      for start = 1, #rest, RECORD_SIZE do
        local lease_end = unpack(RECORD, rest, start)
        first_end = min(first_end or lease_end, lease_end)
      end
      next_unit = max(LEAST_WAIT, first_end - now)
    elseif used == 0 then
      -- Only records of 0 units are left, from calls when MAX_INTEGER units were used.
      next_unit = 0
    else
      local lacking = used - (limit - remaining - 1)
      for start = 1, #rest, RECORD_SIZE do
        local came, units = unpack(RECORD, rest, start)
        lacking = lacking - units
        if lacking <= 0 then
          next_unit = came + window_ms - now
          break
        end
      end
    end
    local status = pack(STATUS, now, remaining, reset, retry, next_unit)
    reply = reply == '' and status or reply .. status
    if not allowed then
      if blocked_until then
        states = states .. pack(STATE, blocked_until, BLOCKED, 0)
      elseif logs then
        states = states .. pack(STATE, 0, UNTOLD, 0)
      else
        states = states .. pack(STATE, at, used, rest)
      end
    end

    -- 7. The new counter. A limit of 0 changes nothing, except for reset.
    local outlives, counter = reset > 0 and now + reset > kept_until, nil
    if verb ~= 'peek' and (limit > 0 or verb == 'reset') and (outlives or kept_until == 0) then
      -- 1: a change that removes the counter.
      kept_until = reset > 0 and now + reset or 1
      if kept_until > kept then kept = kept_until end
      if reset == 0 then
        counter = ''
      elseif blocked_until then
        counter = pack(COUNTER, id, kept_until, 0, 0, 0, 0)
      elseif logs then
        counter = pack(COUNTER, id, kept_until, window_ms, at, used, #rest) .. rest
      else
        counter = pack(COUNTER, id, kept_until, window_ms, at, used, rest)
      end
    else
      counter = sub(value, place, place + size - 1)
    end
    if place > left_from then counter = sub(value, left_from, place - 1) .. counter end
    -- '' .. counter would create another string.
    done, left_from = done == '' and counter or done .. counter, place + size
  end
until not again

-- 8. The counters of changed subjects. If a key grows, its expired counters are dropped.
for index = 1, #KEYS do
  if index ~= subject then take_up(index) end
  if kept > 0 then
    if left_from <= #value then done = done .. sub(value, left_from) end
    if stored ~= EMPTY and HEAD_SIZE + #done > #stored then
      local live, place = {}, 1
      while place < #done do
        local id, kept_until, _, _, _, rest = unpack(COUNTER, done, place)
        local size = COUNTER_SIZE + (byte(id) < CAPITALS and rest or 0)
        if kept_until + GRACE > now then live[#live + 1] = sub(done, place, place + size - 1) end
        place = place + size
      end
      done = table.concat(live)
    end
  end
end

-- 9. Stores them, at least until the last of them expires.
for index = 1, #KEYS do
  if index ~= subject then take_up(index) end
  if kept > 0 then
    local needed = kept + GRACE
    local _, expires = unpack(HEAD, stored)
    if done == '' then
      call('DEL', KEYS[index])
    elseif needed > expires then
      -- A write that keeps the expiry costs at most half of this. So a new expiry is later than needed.
      expires = needed + max(GRACE, floor((needed - now) / 16))
      call('SET', KEYS[index], pack(HEAD, FORMAT, expires) .. done, 'PX', expires - now)
    elseif HEAD_SIZE + #done == #stored then
      -- '8' is a string: to convert a number costs Redis as much as a command.
      call('SETRANGE', KEYS[index], '8', done)
    else
      call('SET', KEYS[index], sub(stored, 1, HEAD_SIZE) .. done, 'KEEPTTL')
    end
  end
end
if calls then return pack('>dd', now, calls) .. states end
return allowed and reply or reply .. states

end

if ARGV[1] ~= 'batch' then return decide(KEYS, ARGV) end

local LENGTH, FAILED = '>I4', 2147483648
local time = redis.call('TIME')
local shapes, replies, key, argument = ARGV[2], {}, 1, 3
for shape = 1, #shapes, 4 do
  local a, b, c, d = string.byte(shapes, shape, shape + 3)
  local next_key, next_argument = key + a * 128 + b, argument + c * 128 + d
  local keys, arguments = { unpack(KEYS, key, next_key - 1) }, { unpack(ARGV, argument, next_argument - 1) }
  local well, reply = pcall(decide, keys, arguments, time)
  -- Before Redis 7, a raised error is a string.
  local failure = type(reply) == 'table' and reply.err or not well and reply
  replies[#replies + 1] = struct.pack(LENGTH, failure and FAILED + #failure or #reply)
  replies[#replies + 1] = failure or reply
  key, argument = next_key, next_argument
end
return table.concat(replies)
`;
