-- standing.lua: what counts on an account, and whether it is known.  A part of reserve.lua.  Where its window rolls,
-- what was posted lies in a field for each bucket of time; those before the oldest do not count any more.
local function standing(key, bucket, oldest)
  local fields, sum = redis.call('HGETALL', key), 0
  for f = 1, #fields, 2 do
    local at = bucket ~= '' and string.match(fields[f], '^b(%d+)$')
    if at and at + 0 < oldest + 0 then
      write('HDEL', key, fields[f])
    else
      sum = sum + int(fields[f + 1])
    end
  end
  return sum, #fields > 0
end
