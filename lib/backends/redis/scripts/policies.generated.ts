// Made from policies.lua by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const POLICIES_SCRIPT = `-- The document of changed policies.
--
-- KEYS[1]  where it is kept
-- ARGV     nothing, to read it; else what it has to be still, and what it becomes (empty: there is none)
--
-- Reply: the document; of a change '+' if it was made, else '-' and the document as it is.

local present = redis.call('GET', KEYS[1]) or ''
if #ARGV == 0 then return present end
if present ~= ARGV[1] then return '-' .. present end
redis.call('SET', KEYS[1], ARGV[2])
return '+'
`;
