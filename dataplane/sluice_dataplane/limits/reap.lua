-- reap.lua: move what holds past their deadline took from held to orphaned: counted until their owner settles them.
-- KEYS     1 deadlines of holds
-- ARGV     1 what the keys of holds begin with, 2 how many at most
-- returns  how many there were
local time = redis.call('TIME')
local now_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local late = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms, 'LIMIT', 0, ARGV[2])
for _, id in ipairs(late) do
  local hold = redis.call('HGETALL', ARGV[1] .. id)
  for f = 1, #hold, 2 do
    local account, amount = hold[f], hold[f + 1]
    if account ~= 'state' and amount ~= 'slot' and amount ~= '0' and redis.call('EXISTS', account) == 1 then
      redis.call('HINCRBY', account, 'held', '-' .. amount)
      redis.call('HINCRBY', account, 'orphaned', amount)
    end
  end
  if #hold > 0 then redis.call('HSET', ARGV[1] .. id, 'state', 'orphaned') end
  redis.call('ZREM', KEYS[1], id)
end
return #late
