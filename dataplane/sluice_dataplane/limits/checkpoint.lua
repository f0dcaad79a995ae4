#!lua flags=no-writes
-- checkpoint.lua: all that was counted, at one moment.  Not of a fenced store: it has lost what others still know.
-- KEYS     1 the store, 2 marks of sources, 3 deadlines of holds, 4 orphans, 5 index of accounts, 6 index of usages
-- ARGV     1 run, 2 ms a fence lasts, 3 what the keys of holds begin with, 4 those of holes, 5 most keys
-- returns  {settlements counted, MessagePack of rows {key, when it is forgotten (ms), {field, value ..}}} | {'hello'}
--          | {} it is too much, or somebody spoilt a part of it; of sorted sets there are members and scores, of sets
--          members and ''
local store, rows, keys = redis.call('HMGET', KEYS[1], 'run', 'fence', 'total'), {}, {KEYS[2]}
if store[1] ~= ARGV[1] then return {'hello'} end
local size = redis.call('HLEN', KEYS[2])
for k = 3, 6 do size = size + redis.call('ZCARD', KEYS[k]) end
if size > ARGV[5] + 0 or fenced(store[2], ARGV[2]) then return {} end
for k = 3, 6 do
  local members = redis.call('ZRANGE', KEYS[k], 0, -1, 'WITHSCORES')
  for m = 1, #members, 2 do keys[#keys + 1] = (k < 5 and ARGV[3] or '') .. members[m] end
  rows[#rows + 1] = {KEYS[k], -1, members}
end
for _, key in ipairs(keys) do
  local fields = redis.pcall('HGETALL', key)
  if fields.err then return {} end -- with the marks, but without what they stand for, it would be lost for good
  if #fields > 0 then rows[#rows + 1] = {key, redis.call('PEXPIRETIME', key), fields} end
end
for _, source in ipairs(redis.call('HKEYS', KEYS[2])) do
  local holes = {}
  for _, hole in ipairs(redis.call('SMEMBERS', ARGV[4] .. source)) do
    holes[#holes + 1], holes[#holes + 2] = hole, ''
  end
  if #holes > 0 then rows[#rows + 1] = {ARGV[4] .. source, -1, holes} end
end
return {int(store[3]), cmsgpack.pack(rows)}
