"""The arithmetic of ``wellread.pacing`` as Lua: a script is one atomic act in Redis, by its clock.

A state is one hash a key; 0 stands for no limit. Scripts work on the same fields as ``pacing.Pace`` has, and the
contract suite runs the same cases on both.
"""

from __future__ import annotations

from wellread import pacing

_KEPT_SECONDS = 7 * 86_400
"""A key that nobody used for so long is forgotten: its levels have drained long before."""

_CONSTANTS = f"""
local LEARNED, MARGIN = {pacing.LEARNED_SECONDS}, {pacing.MARGIN_SECONDS}
local LATE, POLL, LONGEST = {pacing.LATE_SECONDS}, {pacing.QUEUE_POLL_SECONDS}, {pacing.LONGEST_QUEUE}
local KEPT, LONGEST_PAUSE = {_KEPT_SECONDS}, {pacing.LONGEST_PAUSE_SECONDS}
local FIELDS = {{
  'requests_per_minute', 'requests_level', 'requests_learned_per_minute', 'requests_learned_until',
  'tokens_per_minute', 'tokens_level', 'tokens_learned_per_minute', 'tokens_learned_until',
  'burst_seconds', 'measured_at', 'paused_until'
}}
"""
_STATE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local pace = {}
local stored = redis.call('HMGET', KEYS[1], unpack(FIELDS))
for i, name in ipairs(FIELDS) do pace[name] = tonumber(stored[i] or 0) end
if pace.burst_seconds == 0 then pace.burst_seconds = 1 end
local waiting = cjson.decode(redis.call('HGET', KEYS[1], 'waiting') or '[]')

local function save()
  local fields = {'waiting', cjson.encode(waiting)}
  for _, name in ipairs(FIELDS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = string.format('%.17g', pace[name])
  end
  redis.call('HSET', KEYS[1], unpack(fields))
  redis.call('EXPIRE', KEYS[1], KEPT)
end

local function pause(seconds)
  pace.paused_until = math.max(pace.paused_until, now + math.min(seconds, LONGEST_PAUSE))
end

local function rate_of(kind)
  local rate, learned = pace[kind .. '_per_minute'], pace[kind .. '_learned_per_minute']
  if now >= pace[kind .. '_learned_until'] then learned = 0 end
  if rate == 0 or learned == 0 then return math.max(rate, learned) end
  return math.min(rate, learned)
end

local function capacity_of(rate) return math.max(1, rate * pace.burst_seconds / 60) end

local function drain()
  local elapsed = math.max(0, now - pace.measured_at)
  for _, kind in ipairs({'requests', 'tokens'}) do
    local rate, level = rate_of(kind), pace[kind .. '_level']
    pace[kind .. '_level'] = rate == 0 and 0 or math.max(0, level - elapsed * rate / 60)
  end
  pace.measured_at = now
end

local function wait_for(kind, amount)
  local rate = rate_of(kind)
  if rate == 0 then return 0 end
  local room = math.max(0, capacity_of(rate) - amount)
  return math.max(0, pace[kind .. '_level'] - room) * 60 / rate
end
"""
_PRELUDE = _CONSTANTS + _STATE

RESERVE = (
    _PRELUDE
    + """
local tokens = tonumber(ARGV[4])
pace.requests_per_minute, pace.tokens_per_minute = tonumber(ARGV[1]), tonumber(ARGV[2])
pace.burst_seconds = tonumber(ARGV[3])
local function refused(wait) return string.format('%.17g', wait + MARGIN) end

if now < pace.paused_until then return refused(pace.paused_until - now) end
drain()
local queue, mine = {}, nil
for _, place in ipairs(waiting) do
  if now < place[2] then
    queue[#queue + 1] = place
    if place[1] == tokens then mine = #queue end
  end
end
waiting = queue

local in_line = wait_for('tokens', tokens)
local first, rate = queue[1] and queue[1][1] or tokens, rate_of('tokens')
if first ~= tokens and rate > 0 and pace.tokens_level + first + tokens > capacity_of(rate) then
  in_line = math.max(in_line, wait_for('tokens', first), POLL)
end
local wait = math.max(in_line, wait_for('requests', 1))
if wait > 0 then
  if in_line > 0 and (mine or #queue < LONGEST) then
    queue[mine or #queue + 1] = {tokens, now + wait + LATE}
    save()
  end
  return refused(wait)
end
pace.requests_level, pace.tokens_level = pace.requests_level + 1, pace.tokens_level + tokens
if mine then table.remove(queue, mine) end
save()
return '0'
"""
)
"""ARGV: requests a minute, tokens a minute, burst seconds, tokens. Returns the seconds to wait as text."""

SETTLE = (
    _PRELUDE
    + """
drain()
pace.tokens_level = math.max(0, pace.tokens_level + tonumber(ARGV[1]))
save()
"""
)
"""ARGV: used minus reserved tokens."""

PAUSE = (
    _PRELUDE
    + """
pause(tonumber(ARGV[1]))
save()
"""
)
"""ARGV: seconds."""

LEARN = (
    _PRELUDE
    + """
drain()
for i, kind in ipairs({'requests', 'tokens'}) do
  local limit, remaining, reset = unpack(ARGV, 3 * i - 2, 3 * i)
  limit, remaining, reset = tonumber(limit), tonumber(remaining), tonumber(reset)
  if limit and limit > 0 then
    pace[kind .. '_learned_per_minute'], pace[kind .. '_learned_until'] = limit, now + LEARNED
  end
  local rate = rate_of(kind)
  if remaining and rate > 0 then
    local level = kind .. '_level'
    pace[level] = math.max(pace[level], capacity_of(rate) - math.max(0, remaining))
  end
  if remaining and remaining <= 0 and reset then pause(reset) end
end
save()
"""
)
"""ARGV: limit, remaining, reset seconds of requests, then of tokens; an empty text where nothing is told."""
