-- Counts what a worker has spent, once, and says what all hosts have used.
-- KEYS: last batch of the worker, hosts, one for each account.
-- ARGV: host, number of the batch (0: none), milliseconds after which a silent host is gone,
--       then for each account: amount, known, flows back each millisecond, most, milliseconds until it may be forgotten.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local silence = tonumber(ARGV[3])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - silence)
redis.call('PEXPIRE', KEYS[2], silence * 2)
local answer = { redis.call('ZCARD', KEYS[2]) }
local number = tonumber(ARGV[2])
local is_new = number > tonumber(redis.call('GET', KEYS[1]) or '0')
if is_new then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', 3600000)
end
for i = 3, #KEYS do
  local at = 4 + (i - 3) * 5
  local leak, most, ttl = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local level = 0
  local stored = redis.call('GET', KEYS[i])
  if stored then
    local amount, since = string.match(stored, '^(%S+) (%S+)$')
    level = math.max(0, tonumber(amount) - leak * (now - tonumber(since)))
  end
  level = math.max(level, tonumber(ARGV[at + 1]))
  if is_new then
    level = math.max(0, math.min(level + tonumber(ARGV[at]), most))
  end
  if leak > 0 then
    ttl = math.ceil(level / leak) + 1000
  end
  if level > 0 then
    redis.call('SET', KEYS[i], string.format('%.17g %d', level, now), 'PX', ttl)
  elseif stored then
    redis.call('DEL', KEYS[i])
  end
  answer[#answer + 1] = string.format('%.17g', level)
end
return answer
