-- usage.lua: what one call adds to its key's month.  A part of apply.lua; figures are requests, input tokens, output
-- tokens, cost, at ms, ms to keep them.
local function add_usage(index, key, figures)
  local sums, fields = {'HSET', key}, {'requests', 'input', 'output', 'cost'}
  local seen = redis.call('HMGET', key, 'last_ms', unpack(fields))
  for i, field in ipairs(fields) do
    sums[2 * i + 1], sums[2 * i + 2] = field, int(seen[i + 1]) + figures[i]
  end
  write('HSET', key, 'last_ms', math.max(int(seen[1]), figures[5]))
  write(unpack(sums))
  keep(index, key, now_ms + figures[6], seen[1])
end
