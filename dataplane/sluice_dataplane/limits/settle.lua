#!lua flags=allow-oom
-- settle.lua: end one hold, once.  What it took is given back, what was spent is posted, even without memory to spare.
-- A hold that is not known took nothing: nothing is given back, everything is posted.
-- KEYS     1 deadlines of holds, 2 the hold, then the buckets, the slot sets, the accounts, the key's usage if any
-- ARGV     1 hold id, 2 ms to remember it, 3 number of buckets, 4 of slot sets, 5 of accounts; then per bucket:
--          refund us (may be negative); per account: spent, expires at ms; of the usage: requests, input tokens,
--          output tokens, cost, at ms, ms to keep it
-- returns  1 settled now | 0 settled before
local time = redis.call('TIME')
local now, buckets, a = time[1] * 1000000 + time[2], 2 + ARGV[3], 6
local slots, accounts = buckets + ARGV[4], buckets + ARGV[4] + ARGV[5]
local state, writes = redis.call('HGET', KEYS[2], 'state'), {{'ZREM', KEYS[1], ARGV[1]}, {'DEL', KEYS[2]}}
local function write(...) writes[#writes + 1] = {...} end -- nothing is written before every key was read
if state == 'settled' then return 0 end
for k, key in ipairs(KEYS) do
  if k > 2 and k <= buckets then
    local debt = math.min(math.max((redis.call('GET', key) or 0) - now, 0) - ARGV[a], 315576000000000)
    if state and debt > 0 then write('SET', key, now + debt, 'PX', math.floor(debt / 1000) + 1)
    elseif state then write('DEL', key) end
    a = a + 1
  elseif k > buckets and k <= slots then
    if redis.call('ZSCORE', key, ARGV[1]) then write('ZREM', key, ARGV[1]) end
  elseif k > slots and k <= accounts then
    local took, known = state and redis.call('HGET', KEYS[2], key) or '0', redis.call('EXISTS', key) == 1
    redis.call('HGET', key, 'posted')
    if took ~= '0' and known then write('HINCRBY', key, state == 'open' and 'held' or 'orphaned', '-' .. took) end
    if ARGV[a] ~= '0' then write('HINCRBY', key, 'posted', ARGV[a]) end
    write('PEXPIREAT', key, ARGV[a + 1])
    a = a + 2
  elseif k > accounts then
    local last = math.max(redis.call('HGET', key, 'last_ms') or 0, ARGV[a + 4])
    for i, field in ipairs({'requests', 'input', 'output', 'cost'}) do write('HINCRBY', key, field, ARGV[a + i - 1]) end
    write('HSET', key, 'last_ms', last)
    write('PEXPIRE', key, ARGV[a + 5])
  end
end
write('HSET', KEYS[2], 'state', 'settled')
write('PEXPIRE', KEYS[2], ARGV[2])
for _, command in ipairs(writes) do redis.call(unpack(command)) end
return 1
