-- Stores the quota of each policy, so that processes with different quotas notice it.
--
-- KEYS[1]  key of the quotas
-- ARGV     how long they are stored (ms), then id and quota of each policy
--
-- Reply: for each policy the quota that another process stored before, if it is different; else empty.

local known = cjson.decode(redis.call('GET', KEYS[1]) or '{}')
local others = {}
for at = 2, #ARGV, 2 do
  local id, quota = ARGV[at], ARGV[at + 1]
  local before = known[id]
  others[#others + 1] = before and before ~= quota and before or ''
  known[id] = quota
end
redis.call('SET', KEYS[1], cjson.encode(known), 'PX', ARGV[1])
return others
