-- standing.lua: what counts on an account, whether it is known, and what must go for a call to fit.  A part of
-- reserve.lua.  Where its window rolls, what was posted lies in a field for each bucket of time; those before the oldest
-- do not count any more.
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
local function last_to_go(key, bucket, oldest, short) -- with which bucket enough is gone; nil where none ever goes
  local fields, order, posted = redis.call('HGETALL', key), {}, {}
  for f = 1, #fields, 2 do
    local at = tonumber(string.match(fields[f], '^b(%d+)$'))
    if at and at >= oldest + 0 then order[#order + 1], posted[at] = at, int(fields[f + 1]) end
  end
  table.sort(order)
  for _, at in ipairs(order) do
    short = short - posted[at]
    if short <= 0 and bucket ~= '' then return at end
  end
  return tonumber(bucket) -- what is held now is spent in this one at the latest
end
