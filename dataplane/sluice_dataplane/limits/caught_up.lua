#!lua flags=allow-oom
-- caught_up.lua: a source has told the store everything.  A fence falls when all sources alive have, and not before
-- others had time to greet: after a loss nobody knows who they are.
-- KEYS     1 the store, 2 heartbeats, 3 sources that have caught up
-- ARGV     1 run, 2 ms a fence lasts, 3 source, 4 ms it lasts at least, 5 ms a heartbeat counts
-- returns  1 if the store admits | 0 | {'hello'}
local store, waiting = redis.call('HMGET', KEYS[1], 'run', 'fence'), 0
if store[1] ~= ARGV[1] then return {'hello'} end
for _, source in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now_ms - ARGV[5], '+inf')) do
  if source ~= ARGV[3] and redis.call('SISMEMBER', KEYS[3], source) == 0 then waiting = waiting + 1 end
end
redis.call('SCARD', KEYS[3])
write('ZADD', KEYS[2], now_ms, ARGV[3])
local shut = fenced(store[2], ARGV[2]) and (waiting > 0 or math.abs(now_ms - store[2]) < ARGV[4] + 0)
if shut then write('SADD', KEYS[3], ARGV[3]) end
if not shut then write('DEL', KEYS[3]) end
if store[2] and not shut then write('HDEL', KEYS[1], 'fence') end
commit()
return shut and 0 or 1
