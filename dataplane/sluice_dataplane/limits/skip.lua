#!lua flags=allow-oom
-- skip.lua: count numbers of a source that are nobody's, so that they leave no holes.
-- KEYS     1 the store, 2 marks of sources, 3 holes of this one
-- ARGV     1 run, 2 source, 3 first number, 4 last, 5 most holes
-- returns  1 counted now | 0 counted before | {'hello'} | {'gap'} it would skip too many
local store = redis.call('HMGET', KEYS[1], 'run', 'total')
if store[1] ~= ARGV[1] then return {'hello'} end
local new = count(store[2], ARGV[2], ARGV[3] + 0, ARGV[4] + 0, ARGV[5])
if not new then return {'gap'} end
commit()
return math.min(new, 1)
