-- extend.lua: move the deadlines of running holds, and the leases of their slots; others are left alone.
-- KEYS     1 deadlines of holds, then one hold per id
-- ARGV     1 ttl ms, then the ids in the order of their holds
-- returns  how many were running
local time = redis.call('TIME')
local lease, moved = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1], 0
for i = 2, #ARGV do
  local hold = redis.call('HGETALL', KEYS[i])
  local slots, open = {}, false
  for f = 1, #hold, 2 do
    if hold[f] == 'state' then open = hold[f + 1] == 'open' end
    if hold[f + 1] == 'slot' then slots[#slots + 1] = hold[f] end
  end
  if open then
    redis.call('ZADD', KEYS[1], lease, ARGV[i])
    redis.call('PEXPIREAT', KEYS[i], lease + 86400000, 'GT')
    for _, key in ipairs(slots) do
      redis.call('ZADD', key, lease, ARGV[i])
      redis.call('PEXPIREAT', key, lease + 86400000)
    end
    moved = moved + 1
  end
end
return moved
