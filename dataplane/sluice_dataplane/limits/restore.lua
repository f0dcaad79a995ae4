#!lua flags=allow-oom
-- restore.lua: put a checkpoint in place of everything, if the store is fenced and knows less.  It begins another run:
-- sources must greet again, tell what the checkpoint does not have, and assert the holds that still run.
-- KEYS     1 the store, 2 marks of sources, 3 deadlines of holds, 4 orphans, 5 index of accounts, 6 index of usages,
--          7 sources that have caught up
-- ARGV     1 run, 2 ms a fence lasts, 3 what the keys of holds begin with, 4 those of holes, 5 settlements counted in
--          the checkpoint, 6 MessagePack of its rows {key, field, value ..} (@: when it is forgotten, ms), 7 ms that
--          its running holds have to be extended
-- returns  1 done | 0 not fenced, or nothing is missing | {'hello'}
local store, rows = redis.call('HMGET', KEYS[1], 'run', 'fence', 'total'), cmsgpack.unpack(ARGV[6])
if store[1] ~= ARGV[1] then return {'hello'} end
if not fenced(store[2], ARGV[2]) or int(store[3]) >= ARGV[5] + 0 then return 0 end
for k = 3, 6 do
  for _, key in ipairs(redis.call('ZRANGE', KEYS[k], 0, -1)) do write('DEL', (k < 5 and ARGV[3] or '') .. key) end
end
for _, source in ipairs(redis.call('HKEYS', KEYS[2])) do write('DEL', ARGV[4] .. source) end
write('DEL', unpack(KEYS, 2))
local sets = {[KEYS[3]] = 'ZADD', [KEYS[4]] = 'ZADD', [KEYS[5]] = 'ZADD', [KEYS[6]] = 'ZADD'}
for _, row in ipairs(rows) do
  local key = row[1]
  local kind = sets[key] or string.sub(key, 1, #ARGV[4]) == ARGV[4] and 'SADD' or 'HSET'
  write('DEL', key)
  for f = 2, #row, 2 do
    if kind == 'SADD' then write('SADD', key, row[f])
    elseif kind == 'ZADD' then write('ZADD', key, key == KEYS[3] and now_ms + ARGV[7] or row[f + 1], row[f])
    elseif row[f] ~= '@' then write('HSET', key, row[f], row[f + 1])
    else write('PEXPIREAT', key, row[f + 1]) end
  end
end
write('HSET', KEYS[1], 'run', store[1] .. '+', 'fence', now_ms, 'total', ARGV[5])
commit()
return 1
