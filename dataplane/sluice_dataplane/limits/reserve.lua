-- reserve.lua: take every rate, slot and charge of one call, or none of them; what is forced is taken unasked.
-- KEYS     1 the store, 2 deadlines of holds, 3 index of accounts, 4 the hold, then the buckets, the slot sets, the
--          accounts
-- ARGV     1 run, 2 ms a fence lasts, 3 hold id, 4 ttl ms, 5 source, 6 1 if forced, 7 number of buckets, 8 of slot
--          sets; then per bucket: cost us, burst us; per slot set: limit; per account: amount, limit, expires at ms,
--          1 if the limit is enforced, '' or the bucket of a rolling window, the oldest of its buckets that counts
-- returns  {'held', debt us per bucket .., taken per account ..} | {'settled'} | {'hello'} | {'fenced'}
--          | {'rate', i, us to wait} | {'slot', i} | {'charge', i, available, bucket with which enough goes}
local store, state = redis.call('HMGET', KEYS[1], 'run', 'fence'), redis.call('HGET', KEYS[4], 'state')
local buckets, slots, lease, a = 4 + ARGV[7], 4 + ARGV[7] + ARGV[8], now_ms + ARGV[4], 9
local asks, out, expires_ms = not state and ARGV[6] ~= '1', {'held'}, lease + 86400000
local hold = {'HSET', KEYS[4], 'state', 'open', 'source', ARGV[5], 'forced', ARGV[6]}
if store[1] ~= ARGV[1] then return {'hello'} end
if state == 'settled' then return {'settled'} end
if asks and fenced(store[2], ARGV[2]) then return {'fenced'} end
write('ZADD', KEYS[2], lease, ARGV[3]) -- the first: if it is refused, nothing was written
if asks and store[2] then write('HDEL', KEYS[1], 'fence') end
for k = 5, #KEYS do
  local key = KEYS[k]
  if k <= buckets then
    local debt, cost, burst = math.max((redis.call('GET', key) or 0) - now_us, 0), ARGV[a] + 0, ARGV[a + 1] + 0
    local wait = cost > burst and debt or debt + cost - burst
    if asks and wait > 0 then return {'rate', k - 5, wait} end
    if asks then debt = debt + cost end
    if asks then write('SET', key, now_us + debt, 'PX', math.floor(debt / 1000) + 1) end
    out[#out + 1], a = debt, a + 2
  elseif k <= slots then
    local live = redis.call('ZCOUNT', key, '(' .. now_ms, '+inf')
    if asks and live >= ARGV[a] + 0 then return {'slot', k - buckets - 1} end
    write('ZREMRANGEBYSCORE', key, '-inf', now_ms)
    write('ZADD', key, lease, ARGV[3])
    write('PEXPIREAT', key, lease + 86400000)
    hold[#hold + 1], hold[#hold + 2], a = key, 'slot', a + 1
  else
    local taken, known = standing(key, ARGV[a + 4], ARGV[a + 5])
    local free, amount = ARGV[a + 1] - taken, ARGV[a] + 0
    local full = asks and ARGV[a + 3] == '1' and amount > free
    if full then return {'charge', k - slots - 1, free, last_to_go(key, ARGV[a + 4], ARGV[a + 5], amount - free)} end
    write('HINCRBY', key, 'held', amount)
    keep(KEYS[3], key, ARGV[a + 2], known)
    hold[#hold + 1], hold[#hold + 2], expires_ms = key, amount, math.max(expires_ms, ARGV[a + 2])
    out[#out + 1], a = state and taken or taken + amount, a + 6
  end
end
write(unpack(hold))
write('PEXPIREAT', KEYS[4], expires_ms)
if not state then commit() end
return out
