-- reserve.lua: take every rate, slot and charge of one call, or none of them.
-- KEYS     1 deadlines of holds, 2 the hold, then the buckets, the slot sets, the accounts
-- ARGV     1 hold id, 2 ttl ms, 3 number of buckets, 4 of slot sets; then per bucket: cost us, burst us;
--          per slot set: limit; per account: amount, limit, expires at ms, 1 if the limit is enforced
-- returns  {'held', debt us per bucket .., taken per account ..} | {'settled'}
--          | {'rate', i, us to wait} | {'slot', i} | {'charge', i, available}        (i from 0)
local time = redis.call('TIME')
local now, now_ms = time[1] * 1000000 + time[2], time[1] * 1000 + math.floor(time[2] / 1000)
local lease, buckets, slots = now_ms + ARGV[2], 2 + ARGV[3], 2 + ARGV[3] + ARGV[4]
local state, out, a, keep = redis.call('HGET', KEYS[2], 'state'), {'held'}, 5, lease + 86400000
local writes = {{'ZADD', KEYS[1], lease, ARGV[1]}, {'HSET', KEYS[2], 'state', 'open'}}
if state == 'settled' then return {'settled'} end
for k, key in ipairs(KEYS) do
  if k > 2 and k <= buckets then
    local debt, cost, burst = math.max((redis.call('GET', key) or 0) - now, 0), ARGV[a] + 0, ARGV[a + 1] + 0
    local wait = cost > burst and debt or debt + cost - burst
    if not state and wait > 0 then return {'rate', k - 3, wait} end
    out[#out + 1], a = state and debt or debt + cost, a + 2
    writes[#writes + 1] = {'SET', key, now + debt + cost, 'PX', math.floor((debt + cost) / 1000) + 1}
  elseif k > buckets and k <= slots then
    local live = redis.call('ZCOUNT', key, '(' .. string.format('%.0f', now_ms), '+inf')
    if not state and live >= ARGV[a] + 0 then return {'slot', k - buckets - 1} end
    writes[#writes + 1], a = {'ZREMRANGEBYSCORE', key, '-inf', now_ms}, a + 1
    writes[#writes + 1] = {'ZADD', key, lease, ARGV[1]}
    writes[#writes + 1] = {'PEXPIREAT', key, lease + 86400000}
    writes[#writes + 1] = {'HSET', KEYS[2], key, 'slot'}
  elseif k > slots then
    local sums, amount = redis.call('HMGET', key, 'posted', 'held', 'orphaned'), ARGV[a] + 0
    local taken = (sums[1] or 0) + (sums[2] or 0) + (sums[3] or 0)
    local free, expires = ARGV[a + 1] - taken, ARGV[a + 2] + 0
    if not state and ARGV[a + 3] == '1' and amount > free then return {'charge', k - slots - 1, free} end
    out[#out + 1], a, keep = state and taken or taken + amount, a + 4, math.max(keep, expires)
    for _, write in ipairs({{'HINCRBY', key, 'held', amount}, {'PEXPIREAT', key, expires},
      {'HSET', KEYS[2], key, amount}}) do writes[#writes + 1] = write end
  end
end
if not state then for _, write in ipairs(writes) do redis.call(unpack(write)) end end
if not state then redis.call('PEXPIREAT', KEYS[2], keep) end
return out
