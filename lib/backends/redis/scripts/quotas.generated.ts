// Made from quotas.lua by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const QUOTAS_SCRIPT = `-- Which quota each policy is counted by, so that processes which disagree find out.
--
-- KEYS[1]  where quotas are kept
-- ARGV     how long they are kept (ms), then of each policy its id and its quota
--
-- Reply: of each policy the quota that another process said before, if it differs; else empty.

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
`;
