#!lua flags=allow-oom
-- apply.lua: count one numbered settlement of a source, once.  What its hold took is given back, what was spent is
-- posted, even without memory to spare.  Of a hold that is not known (any more) nothing is given back, all is posted.
-- KEYS     1 the store, 2 marks of sources, 3 holes of this one, 4 deadlines of holds, 5 orphans, 6 index of accounts,
--          7 index of usages, 8 stream of records, 9 the hold, then the buckets, the slot sets, the accounts, the key's
--          usage if any
-- ARGV     1 run, 2 source, 3 number, 4 most holes, 5 hold id, 6 ms to remember it, 7 record or '', 8 about how many
--          records are kept, 9 number of buckets, 10 of slot sets, 11 of accounts; then per bucket: refund us (may be
--          negative); per account: spent, expires at ms, '' or the bucket of a rolling window; of the usage: requests,
--          input tokens, output tokens, cost, at ms, ms to keep it
-- returns  1 counted now | 0 counted before | {'hello'} | {'gap'} it would skip too many
local store, slots = redis.call('HMGET', KEYS[1], 'run', 'total'), 9 + ARGV[9] + ARGV[10]
local buckets, accounts, a, n = 9 + ARGV[9], slots + ARGV[11], 12, ARGV[3] + 0
local hold = redis.call('HMGET', KEYS[9], 'state', 'forced', unpack(KEYS, slots + 1, accounts))
local took = ({open = 'held', orphaned = 'orphaned'})[hold[1]] -- nil: nothing that could still be given back
if store[1] ~= ARGV[1] then return {'hello'} end
if took then write('ZREM', took == 'held' and KEYS[4] or KEYS[5], ARGV[5]) end -- if it is refused, nothing was written
local new = count(store[2], ARGV[2], n, n, ARGV[4])
if new ~= 1 then return new or {'gap'} end
for k = 10, #KEYS do
  local key = KEYS[k]
  if k <= buckets then
    local debt = math.min(math.max((redis.call('GET', key) or 0) - now_us, 0) - ARGV[a], 315576000000000)
    local mine = took and hold[2] ~= '1' and ARGV[a] ~= '0'
    if mine and debt > 0 then write('SET', key, now_us + debt, 'PX', math.floor(debt / 1000) + 1) end
    if mine and debt <= 0 then write('DEL', key) end
    a = a + 1
  elseif k <= slots then
    if redis.call('ZSCORE', key, ARGV[5]) then write('ZREM', key, ARGV[5]) end
  elseif k <= accounts then
    local posted, amount = ARGV[a + 2] == '' and 'posted' or 'b' .. ARGV[a + 2], int(took and hold[k - slots + 2])
    local sums, set, spent = redis.call('HMGET', key, posted, took or 'held'), {'HSET', key}, ARGV[a] + 0
    local known = sums[1] or sums[2] or redis.call('EXISTS', key) == 1
    if known and amount ~= 0 then set[3], set[4] = took, int(sums[2]) - amount end
    if spent ~= 0 then set[#set + 1], set[#set + 2] = posted, int(sums[1]) + spent end
    if #set > 2 then write(unpack(set)) end
    if spent ~= 0 and not (took and known and posted == 'posted') then keep(KEYS[6], key, ARGV[a + 1], known) end
    a = a + 3
  else
    add_usage(KEYS[7], key, {unpack(ARGV, a)})
  end
end
if ARGV[7] ~= '' and redis.call('XLEN', KEYS[8]) then
  write('XADD', KEYS[8], 'MAXLEN', '~', ARGV[8], '*', 'record', ARGV[7])
end
write('DEL', KEYS[9])
write('HSET', KEYS[9], 'state', 'settled')
write('PEXPIRE', KEYS[9], ARGV[6])
commit()
return 1
