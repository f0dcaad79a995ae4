#!lua flags=allow-oom
-- extend.lua: move the deadlines of running holds, and the leases of their slots; others are left alone.
-- KEYS     1 the store, 2 deadlines of holds, 3 heartbeats, then one hold per id
-- ARGV     1 run, 2 source, 3 ttl ms, then the ids in the order of their holds
-- returns  {'unknown', the ids that are not known ..} | {'hello'}
local store, lease, unknown = redis.call('HGET', KEYS[1], 'run'), now_ms + ARGV[3], {'unknown'}
if store ~= ARGV[1] then return {'hello'} end
if ARGV[2] ~= '' then redis.call('ZADD', KEYS[3], now_ms, ARGV[2]) end
for k = 4, #KEYS do
  local hold, slots, state = redis.pcall('HGETALL', KEYS[k]), {}, nil -- one that is spoilt holds up no other
  for f = 1, #hold, 2 do
    if hold[f] == 'state' then state = hold[f + 1] end
    if hold[f + 1] == 'slot' then slots[#slots + 1] = hold[f] end
  end
  if state == 'open' then
    redis.call('ZADD', KEYS[2], lease, ARGV[k])
    redis.call('PEXPIREAT', KEYS[k], lease + 86400000, 'GT')
    for _, key in ipairs(slots) do
      redis.pcall('ZADD', key, lease, ARGV[k])
      redis.call('PEXPIREAT', key, lease + 86400000)
    end
  elseif not state and not hold.err then
    unknown[#unknown + 1] = ARGV[k]
  end
end
return unknown
