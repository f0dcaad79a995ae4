#!lua flags=no-writes
-- checkpoint.lua: all that was counted, at one moment.  Not of a fenced store: it has lost what others still know.
-- KEYS     1 the store, 2 marks of sources, 3 deadlines of holds, 4 orphans, 5 index of accounts, 6 index of usages
-- ARGV     1 run, 2 ms a fence lasts, 3 what the keys of holds begin with, 4 those of holes, 5 most keys
-- returns  {settlements counted, MessagePack of rows {key, field, value ..}} | {} it is too much | {'hello'}
--          the field @ is when a key is forgotten, ms; rows of sorted sets are {key, member, score ..}
local store, rows, keys = redis.call('HMGET', KEYS[1], 'run', 'fence', 'total'), {}, {KEYS[2]}
if store[1] ~= ARGV[1] then return {'hello'} end
local size = redis.call('HLEN', KEYS[2])
for k = 3, 6 do size = size + redis.call('ZCARD', KEYS[k]) end
if size > ARGV[5] + 0 or fenced(store[2], ARGV[2]) then return {} end
local function row(key, fields)
  table.insert(fields, 1, key)
  rows[#rows + 1] = fields
end
for k = 3, 6 do
  local members = redis.call('ZRANGE', KEYS[k], 0, -1, 'WITHSCORES')
  for m = 1, #members, 2 do keys[#keys + 1] = (k < 5 and ARGV[3] or '') .. members[m] end
  row(KEYS[k], members)
end
for _, key in ipairs(keys) do
  local fields = redis.pcall('HGETALL', key) -- one that somebody spoilt is left out
  if #fields > 0 then
    fields[#fields + 1], fields[#fields + 2] = '@', string.format('%.0f', redis.call('PEXPIRETIME', key))
    row(key, fields)
  end
end
for _, source in ipairs(redis.call('HKEYS', KEYS[2])) do
  local holes = {}
  for _, hole in ipairs(redis.call('SMEMBERS', ARGV[4] .. source)) do
    holes[#holes + 1], holes[#holes + 2] = hole, ''
  end
  if #holes > 0 then row(ARGV[4] .. source, holes) end
end
return {int(store[3]), cmsgpack.pack(rows)}
