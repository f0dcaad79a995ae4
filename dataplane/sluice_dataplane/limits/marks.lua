-- marks.lua: which numbers of a source were counted: all up to its mark, but for the holes below it.  A part of
-- apply.lua and skip.lua; both have 1 the store, 2 marks of sources, 3 holes of this one in KEYS.
local function count(total, source, first, last, most_holes) -- how many are new; nil: too many would be skipped
  local mark, new = int(redis.call('HGET', KEYS[2], source)), int(total) * 0
  if first == last and last <= mark then
    if redis.call('SISMEMBER', KEYS[3], last) == 0 then return 0 end
    write('SREM', KEYS[3], last)
    new = 1
  elseif first <= mark then
    for _, hole in ipairs(redis.call('SMEMBERS', KEYS[3])) do
      if int(hole) >= first and int(hole) <= last then
        write('SREM', KEYS[3], hole)
        new = new + 1
      end
    end
  elseif first > mark + 1 then
    if redis.call('SCARD', KEYS[3]) + first - mark - 1 > most_holes + 0 then return nil end
    for skipped = mark + 1, first - 1 do write('SADD', KEYS[3], skipped) end
  end
  if last > mark then
    write('HSET', KEYS[2], source, last)
    new = new + last - math.max(first - 1, mark)
  end
  if new > 0 then write('HINCRBY', KEYS[1], 'total', new) end
  return new
end
