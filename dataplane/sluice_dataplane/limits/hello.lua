#!lua flags=allow-oom
-- hello.lua: the first word of every connection.  A server that is not the one that was last written to, or that has
-- lost everything, may lack what was spent: it begins another run, and is fenced until its sources have told it.
-- KEYS     1 the store, 2 marks of sources, 3 holes of this one, 4 heartbeats, 5 sources that have caught up
-- ARGV     1 source, '' if it is nobody's, 2 a word nobody said before, 3 ms a fence lasts, 4 ms a heartbeat counts
-- returns  {run, mark, 1 if fenced, settlements counted of all sources, sources alive, maxmemory-policy, hole ..}
local function run_id() return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') end
local store, id = redis.call('HMGET', KEYS[1], 'run', 'fence', 'total'), run_id() .. ':'
local run, fence, source = store[1], store[2], ARGV[1]
local mark, holes = int(redis.call('HGET', KEYS[2], source)), redis.call('SMEMBERS', KEYS[3])
redis.call('ZCARD', KEYS[4])
if not run or string.sub(run, 1, #id) ~= id then
  run, fence = id .. string.format('%.0f', now_us) .. ':' .. ARGV[2], now_ms
  write('HSET', KEYS[1], 'run', run, 'fence', fence)
  write('DEL', KEYS[5])
end
write('ZREMRANGEBYSCORE', KEYS[4], '-inf', now_ms - ARGV[4])
if source ~= '' then write('ZADD', KEYS[4], now_ms, source) end
commit()
local policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or ''
local shut = fenced(fence, ARGV[3]) and 1 or 0
return {run, mark, shut, int(store[3]), redis.call('ZCARD', KEYS[4]), policy, unpack(holes)}
