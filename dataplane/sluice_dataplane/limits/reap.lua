#!lua flags=allow-oom
-- reap.lua: move what holds past their deadline took from held to orphaned: counted until their owner settles them.
-- A hold that somebody spoilt is looked at again a minute later.  Also takes out of the indexes what was forgotten.
-- KEYS     1 the store, 2 deadlines of holds, 3 orphans, 4 index of accounts, 5 index of usages
-- ARGV     1 run, 2 what the keys of holds begin with, 3 how many at most
-- returns  how many there were | {'hello'}
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return {'hello'} end
local late = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms, 'LIMIT', 0, ARGV[3])
local known = redis.call('ZRANDMEMBER', KEYS[3], 10)
local function orphan(id)
  local hold = redis.call('HGETALL', ARGV[2] .. id)
  writes = {{'ZREM', KEYS[2], id}}
  if #hold > 0 then write('HSET', ARGV[2] .. id, 'state', 'orphaned') write('ZADD', KEYS[3], now_ms, id) end
  for f = 1, #hold, 2 do
    local key, amount = hold[f], hold[f + 1]
    if string.sub(key, 1, 1) == '{' and amount ~= 'slot' and amount ~= '0' and redis.call('EXISTS', key) == 1 then
      local sums = redis.call('HMGET', key, 'held', 'orphaned')
      write('HSET', key, 'held', int(sums[1]) - int(amount), 'orphaned', int(sums[2]) + int(amount))
    end
  end
  commit()
end
for _, id in ipairs(late) do
  if not pcall(orphan, id) then redis.call('ZADD', KEYS[2], now_ms + 60000, id) end
end
for _, id in ipairs(known) do
  if redis.call('EXISTS', ARGV[2] .. id) == 0 then redis.call('ZREM', KEYS[3], id) end
end
for _, index in ipairs({KEYS[4], KEYS[5]}) do
  for _, key in ipairs(redis.pcall('ZRANGEBYSCORE', index, '-inf', now_ms, 'LIMIT', 0, ARGV[3])) do
    if redis.call('EXISTS', key) == 0 then redis.call('ZREM', index, key) end
    if redis.call('EXISTS', key) == 1 then redis.call('ZADD', index, now_ms + 3600000, key) end
  end
end
return #late
