-- usage.lua: what one call adds to its key's month.  A part of apply.lua; figures are requests, input tokens, output
-- tokens, cost, at ms, ms to keep them.
local function add_usage(index, key, figures)
  local fields = {'requests', 'input', 'output', 'cost'}
  local seen = redis.call('HMGET', key, 'last_ms', unpack(fields))
  local sums = {'HSET', key, 'last_ms', math.max(int(seen[1]), figures[5])}
  for i, field in ipairs(fields) do
    sums[#sums + 1], sums[#sums + 2] = field, int(seen[i + 1]) + figures[i]
  end
  write(unpack(sums))
  if not seen[1] then keep(index, key, now_ms + figures[6], false) end
end
