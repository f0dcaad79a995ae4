-- prelude.lua: what every script begins with: the time, writes that wait until every key was read, whole numbers.
local time = redis.call('TIME')
local now_us, now_ms = time[1] * 1000000 + time[2], time[1] * 1000 + math.floor(time[2] / 1000)
local writes = {}
local function write(...) writes[#writes + 1] = {...} end
local function commit() for _, command in ipairs(writes) do redis.call(unpack(command)) end end
local function int(text) -- 0 where there is none; no script goes on with what somebody else wrote there
  if not text then return 0 end
  if #text > 16 or not string.find(text, '^%-?%d+$') then error({err = 'GARBAGE a counter is not a whole number'}) end
  return tonumber(text)
end
local function fenced(raised, most_ms) -- a fence falls by itself, also where the clock was put back
  return raised and math.abs(now_ms - raised) <= most_ms + 0
end
local function keep(index, key, expires_ms, known) -- a key lives as long as anything on it says, and is in its index
  if not known then redis.call('ZSCORE', index, key) end
  if not known then write('ZADD', index, expires_ms, key) end
  write('PEXPIREAT', key, expires_ms, known and 'GT' or 'NX')
end
