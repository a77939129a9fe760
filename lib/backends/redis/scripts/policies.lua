-- Reads or changes the document of changed policies.
--
-- KEYS[1]  its key
-- ARGV     to read: nothing; to change: the expected document (empty: none) and the new one
--
-- Reply: the document. For a change: '+' if it was made, else '-' and the current document.

local present = redis.call('GET', KEYS[1]) or ''
if #ARGV == 0 then return present end
if present ~= ARGV[1] then return '-' .. present end
redis.call('SET', KEYS[1], ARGV[2])
return '+'
