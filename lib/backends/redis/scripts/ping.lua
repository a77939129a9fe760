--[[
Sends every command that limiter.lua sends, and changes nothing. So a health check finds the errors of a decision.

KEYS  1  a key of the limiter that never exists

Reply empty, or the name of the command that fails, in lower case, and its error.
]]

local key = KEYS[1]
local commands = {
  { 'TIME' },
  { 'GET', key },
  { 'SET', key, '', 'PX', 1, 'XX' },
  { 'SETRANGE', key, 0, '' },
  { 'DEL', key },
}
for index = 1, #commands do
  local reply = redis.pcall(unpack(commands[index]))
  if type(reply) == 'table' and reply.err then return { string.lower(commands[index][1]), reply.err } end
end
return {}
