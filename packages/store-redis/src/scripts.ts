import { decimal } from './decimal.js'
import type { KeyName } from './keys.js'

/**
 * What is done in Redis, one script for each call of a ledger: nothing comes between its reading and its writing, and a
 * script that is run again with the same id changes nothing more. Each reads all that it needs, and so finds what is not
 * its own, before it writes. Time is that of Redis (milliseconds since 1970), the same for all processes.
 *
 * The entry of a hold is `<state><direction><owner>:<amount>:<expiresAt>`; a former version has written times before 1970,
 * too. Its states: `h` held, `u` committed and not confirmed, `c` committed, `r` released, and `x`, alone, for a hold
 * that was released before it came.
 * The entry of money out is `<state><number>:<owner>:<amount>`, `o` on its way, `s` suspended; numbers go up with time.
 */
export interface Script {
  /** Which keys it takes, in this order. */
  readonly keys: readonly KeyName[]
  readonly lua: string
}

export type ScriptName =
  | 'packets'
  | 'confirm'
  | 'move'
  | 'settle'
  | 'suspend'
  | 'resolve'
  | 'snapshot'
  | 'check'
  | 'tend'
  | 'recover'
  | 'outstanding'
  | 'leave'

function script(keys: readonly KeyName[], ...parts: string[]): Script {
  const names = keys.map((key) => key.toUpperCase()).join(', ')
  const values = keys.map((_, index) => `KEYS[${index + 1}]`).join(', ')
  return { keys, lua: [`local ${names} = ${values}`, ...parts].join('\n') }
}

/** What is there was not written by these scripts. The caller makes an error of it that names the key. */
const corrupt = `
local call = redis.call
local function corrupt(key) error('ILPWRAP_CORRUPT:' .. key .. ':', 0) end
`

const books = `
local function books(others)
  local kept = call('GET', BOOKS)
  if not kept then
    if others then corrupt('books') end
    return '0', '0', '0'
  end
  local committed, holdsIn, holdsOut = string.match(kept, '^(%-?%d+) (%d+) (%d+)$')
  if not committed then corrupt('books') end
  return committed, holdsIn, holdsOut
end
local function book(committed, holdsIn, holdsOut)
  call('SET', BOOKS, committed .. ' ' .. holdsIn .. ' ' .. holdsOut)
end
`

const time = `
local function time()
  local now = call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
`

/** An empty `ms` renews nothing. */
const leases = `
local function renew(owner, ms)
  if ms ~= '' then call('HSET', LEASES, owner, format('%.0f', time() + ms)) end
end
`

const gone = `
local gone = {}
local function isGone(owner, me)
  if owner == me then return false end
  if gone[owner] == nil then
    local ends = call('HGET', LEASES, owner)
    if ends and not tonumber(ends) then corrupt('leases') end
    gone[owner] = not ends or tonumber(ends) <= time()
  end
  return gone[owner]
end
`

/**
 * Ids that are settled are known for calls that are made again, which ends with their deadline (ten minutes at most), and
 * for a commit that comes after a release by expiry. The peer chooses the expiry, so it alone is no bound.
 */
const holds = `
local function parseHold(entry) return string.match(entry, '^([hucr])([io])([^:]*):(%d+):(%-?%d+)$') end
local function readHold(entry)
  local state, direction, owner, amount, expiresAt = parseHold(entry)
  if not state then corrupt('holds') end
  return state, direction, owner, amount, expiresAt
end
local now
local function forgetAt(expiresAt, most)
  now = now or time()
  return format('%.0f', math.min(expiresAt, now + (most or 600000)) + 60000)
end
`

const money = `
local function readMoney(entry)
  local state, number, owner, amount = string.match(entry, '^([os])(%d+):([^:]*):(%-?%d+)$')
  if not state then corrupt('money') end
  return state, tonumber(number), owner, amount
end
local function isKnown(id) return call('HEXISTS', MONEY, id) == 1 or call('ZSCORE', MOVED, id) ~= false end
local function close(id, remember) call('ZADD', MOVED, remember or format('%.0f', time() + 3600000), id) end
local function send(id, amount, owner, lease)
  local last = 0
  for _, entry in ipairs(call('HVALS', MONEY)) do
    local _, number = readMoney(entry)
    last = math.max(last, number)
  end
  call('HSET', MONEY, id, 'o' .. format('%.0f', last + 1) .. ':' .. owner .. ':' .. amount)
  renew(owner, lease)
end
`

const release = `
local function release(id, entry, direction, amount, expiresAt)
  local committed, holdsIn, holdsOut = books(true)
  if direction == 'i' then
    holdsIn = add(holdsIn, negated(amount))
  else
    holdsOut = add(holdsOut, negated(amount))
  end
  -- a process that was only cut off may still commit it: it has a day to come back
  call('ZADD', SETTLED, forgetAt(expiresAt, 86400000), id)
  call('ZREM', OPEN, id)
  call('HSET', HOLDS, id, 'r' .. sub(entry, 2))
  book(committed, holdsIn, holdsOut)
end
`

/**
 * What packets do, many at a time, in the order in which it is asked for. ARGV: owner, lease, and then of each
 * - `i` or `o`, id, amount, expiresAt, limit (empty: none): a hold. Gives 1 if it is held, 0 if it is over the limit.
 * - `c`, id: a commit. Gives 1, or 0 if the id is unknown.
 * - `r`, id, underway: a release. Gives 1. `underway` is the `expiresAt` of a hold that may still be under way (else
 *   empty): it is kept from ever taking effect.
 * Gives −1 for an id whose entry is foreign.
 */
const packets = script(
  ['books', 'holds', 'open', 'settled', 'leases'],
  corrupt,
  decimal,
  books,
  time,
  leases,
  holds,
  `
local owner, lease = ARGV[1], ARGV[2]
local width, ids, places, index = { i = 5, o = 5, c = 2, r = 3 }, {}, {}, 3
while ARGV[index] do
  ids[#ids + 1] = ARGV[index + 1]
  places[#places + 1] = index
  index = index + width[ARGV[index]]
end
local entries, kept = {}, call('HMGET', HOLDS, unpack(ids))
for n, id in ipairs(ids) do entries[id] = kept[n] end
local committed, holdsIn, holdsOut
local function read(others)
  if not committed then committed, holdsIn, holdsOut = books(others) end
end

-- what becomes of ids: whether their entry changes; their score in the set that they go to; those that leave a set
local changed, scores, left = {}, { [OPEN] = {}, [SETTLED] = {} }, { [OPEN] = {}, [SETTLED] = {} }
local function put(id, entry, set, score, from)
  changed[id], entries[id] = true, entry
  if set then scores[set][id] = score end
  if from then
    scores[from][id] = nil
    left[from][#left[from] + 1] = id
  end
end

local function hold(direction, id, amount, expiresAt, limit)
  if entries[id] then return 1 end
  read(false)
  if direction == 'i' then
    local sum = add(holdsIn, amount)
    if limit ~= '' and above(add(committed, sum), limit) then return 0 end
    holdsIn = sum
  else
    local sum = add(holdsOut, amount)
    if limit ~= '' and above(limit, add(committed, negated(sum))) then return 0 end
    holdsOut = sum
  end
  put(id, 'h' .. direction .. owner .. ':' .. amount .. ':' .. expiresAt, OPEN, expiresAt)
  return 1
end

local function letGo(direction, amount)
  if direction == 'i' then
    holdsIn = add(holdsIn, negated(amount))
  else
    holdsOut = add(holdsOut, negated(amount))
  end
end

local function commit(_, id)
  local entry = entries[id]
  if not entry or entry == 'x' then return 0 end
  local state, direction, _, amount, expiresAt = parseHold(entry)
  if not state then return -1 end
  if state == 'u' or state == 'c' then return 1 end
  read(true)
  committed = add(committed, direction == 'i' and amount or negated(amount))
  if state == 'h' then
    letGo(direction, amount)
    put(id, 'u' .. sub(entry, 2))
  else
    put(id, 'u' .. sub(entry, 2), OPEN, expiresAt, SETTLED)
  end
  return 1
end

local function release(_, id, underway)
  local entry = entries[id]
  if not entry then
    if underway ~= '' then
      read(false)
      put(id, 'x', SETTLED, forgetAt(underway))
    end
    return 1
  end
  if entry == 'x' then return 1 end
  local state, direction, _, amount, expiresAt = parseHold(entry)
  if not state then return -1 end
  if state ~= 'h' then return 1 end
  read(true)
  letGo(direction, amount)
  put(id, 'r' .. sub(entry, 2), SETTLED, forgetAt(expiresAt), OPEN)
  return 1
end

local act, results = { i = hold, o = hold, c = commit, r = release }, {}
for n, place in ipairs(places) do
  results[n] = act[ARGV[place]](ARGV[place], ARGV[place + 1], ARGV[place + 2], ARGV[place + 3], ARGV[place + 4])
end
renew(owner, lease)
if not next(changed) then return results end

for _, set in ipairs({ OPEN, SETTLED }) do
  local added, n = {}, 0
  for id, score in pairs(scores[set]) do
    added[n + 1], added[n + 2], n = score, id, n + 2
  end
  if #left[set] > 0 then call('ZREM', set, unpack(left[set])) end
  if n > 0 then call('ZADD', set, unpack(added)) end
end
local written, n = {}, 0
for id in pairs(changed) do
  written[n + 1], written[n + 2], n = id, entries[id], n + 2
end
call('HSET', HOLDS, unpack(written))
book(committed, holdsIn, holdsOut)
return results
`
)

/** ARGV: ids. */
const confirm = script(
  ['holds', 'open', 'settled'],
  corrupt,
  decimal,
  time,
  holds,
  `
local confirmed, entries, times = {}, {}, {}
for index, entry in ipairs(call('HMGET', HOLDS, unpack(ARGV))) do
  if entry and sub(entry, 1, 1) == 'u' then
    local id, _, _, _, _, expiresAt = ARGV[index], readHold(entry)
    confirmed[#confirmed + 1] = id
    entries[#entries + 1] = id
    entries[#entries + 1] = 'c' .. sub(entry, 2)
    times[#times + 1] = forgetAt(expiresAt)
    times[#times + 1] = id
  end
end
if #confirmed == 0 then return 0 end
call('ZADD', SETTLED, unpack(times))
call('ZREM', OPEN, unpack(confirmed))
call('HSET', HOLDS, unpack(entries))
return 0
`
)

/** ARGV: id, delta, kind, owner, lease. */
const move = script(
  ['books', 'money', 'moved', 'leases'],
  corrupt,
  decimal,
  books,
  time,
  leases,
  money,
  `
local id, delta, kind, owner, lease = unpack(ARGV)
if isKnown(id) then return 0 end
local committed, holdsIn, holdsOut = books(false)
if kind == 'money-out' then
  send(id, delta, owner, lease)
elseif kind == 'adjust' then
  close(id, '+inf')
else
  close(id)
end
book(add(committed, delta), holdsIn, holdsOut)
return 0
`
)

/** ARGV: id, threshold, target, smallest, owner, lease. Gives the amount, `sending` or `suspended`. */
const settle = script(
  ['books', 'money', 'moved', 'leases'],
  corrupt,
  decimal,
  books,
  time,
  leases,
  gone,
  money,
  `
local id, threshold, target, smallest, owner, lease = unpack(ARGV)
local mine = call('HGET', MONEY, id)
if mine then
  local state, _, _, amount = readMoney(mine)
  if state == 'o' then return amount end
end
if call('ZSCORE', MOVED, id) then return '0' end
local found
for _, entry in ipairs(call('HVALS', MONEY)) do
  local state, _, whose = readMoney(entry)
  if state == 's' or isGone(whose, owner) then return 'suspended' end
  found = 'sending'
end
if found then return found end
local committed, holdsIn, holdsOut = books(false)
if not above(threshold, committed) then return '0' end
local due = add(target, negated(committed))
if above(smallest, due) then return '0' end
send(id, due, owner, lease)
book(target, holdsIn, holdsOut)
return due
`
)

/** ARGV: id. */
const suspend = script(
  ['money'],
  corrupt,
  decimal,
  `
local entry = call('HGET', MONEY, ARGV[1])
if entry and sub(entry, 1, 1) == 'o' then call('HSET', MONEY, ARGV[1], 's' .. sub(entry, 2)) end
return 0
`
)

/** ARGV: id, outcome, me, and whether the debit may still be under way (`1`): then it is kept from ever taking effect. */
const resolve = script(
  ['books', 'holds', 'open', 'settled', 'leases', 'money', 'moved'],
  corrupt,
  decimal,
  books,
  time,
  leases,
  gone,
  holds,
  money,
  `
local id, outcome, me, underway = unpack(ARGV)
local sent = call('HGET', MONEY, id)
if sent then
  local _, _, _, amount = readMoney(sent)
  local committed, holdsIn, holdsOut = books(true)
  if outcome == 'not-sent' then committed = add(committed, negated(amount)) end
  close(id)
  call('HDEL', MONEY, id)
  book(committed, holdsIn, holdsOut)
  return 0
end
local entry = call('HGET', HOLDS, id)
if entry and entry ~= 'x' then
  local state, direction, owner, amount, expiresAt = readHold(entry)
  if state ~= 'u' or not isGone(owner, me) then return 0 end
  local committed, holdsIn, holdsOut = books(true)
  if outcome == 'not-sent' and direction == 'i' then committed = add(committed, negated(amount)) end
  call('ZADD', SETTLED, forgetAt(math.max(expiresAt, time())), id)
  call('ZREM', OPEN, id)
  call('HSET', HOLDS, id, 'c' .. sub(entry, 2))
  book(committed, holdsIn, holdsOut)
  return 0
end
if underway == '1' and not isKnown(id) then
  local committed, holdsIn, holdsOut = books(false)
  close(id)
  book(committed, holdsIn, holdsOut)
end
return 0
`
)

/** Money out that is suspended, or whose owner is gone, or, when `all` is set, anybody else's: number, id, amount. */
const suspended = `
local function suspended(me, all)
  local list, entries = {}, call('HGETALL', MONEY)
  for index = 1, #entries, 2 do
    local state, number, owner, amount = readMoney(entries[index + 1])
    if state == 's' or (all and owner ~= me) or isGone(owner, me) then
      list[#list + 1] = { number, entries[index], amount, entries[index + 1] }
    end
  end
  return list
end
`

/** ARGV: me. Gives committed, holds in, holds out, suspended money. */
const snapshot = script(
  ['books', 'leases', 'money', 'moved'],
  corrupt,
  decimal,
  books,
  time,
  leases,
  gone,
  money,
  suspended,
  `
local committed, holdsIn, holdsOut = books(false)
return { committed, holdsIn, holdsOut, suspended(ARGV[1], false) }
`
)

/** Whether all keys of an account are what they should be. */
const check = script(
  ['books', 'holds', 'open', 'settled', 'leases', 'money', 'moved'],
  corrupt,
  books,
  `
call('HLEN', LEASES)
local others = call('HLEN', HOLDS) + call('ZCARD', OPEN) + call('ZCARD', SETTLED) + call('HLEN', MONEY)
books(others + call('ZCARD', MOVED) > 0)
return 0
`
)

/**
 * What keeps an account in order: renews a lease, forgets what may be forgotten, and, if it is to judge, ends leases and
 * suspends what processes that are gone have left on its way. ARGV: me, lease, judge (`1`), opening (`1`: any money that
 * another process has on its way is suspended). Gives how much is open, how much there is to forget, suspended money.
 */
const tend = script(
  ['books', 'holds', 'open', 'settled', 'leases', 'money', 'moved'],
  corrupt,
  decimal,
  time,
  leases,
  gone,
  money,
  suspended,
  `
local me, lease, judge, opening = unpack(ARGV)
local now = format('%.0f', time())
-- a former version has kept them as long as the peer chose
local far = call('ZRANGEBYSCORE', SETTLED, format('%.0f', time() + 86460001), '+inf', 'LIMIT', 0, 500)
for _, id in ipairs(far) do call('ZADD', SETTLED, format('%.0f', time() + 86460000), id) end
local old = call('ZRANGEBYSCORE', SETTLED, '-inf', now, 'LIMIT', 0, 500)
if #old > 0 then
  call('HDEL', HOLDS, unpack(old))
  call('ZREM', SETTLED, unpack(old))
end
local closed = call('ZRANGEBYSCORE', MOVED, '-inf', now, 'LIMIT', 0, 500)
if #closed > 0 then call('ZREM', MOVED, unpack(closed)) end
renew(me, lease)
local list = {}
if judge == '1' then
  list = suspended(me, opening == '1')
  for _, item in ipairs(list) do call('HSET', MONEY, item[2], 's' .. sub(item[4], 2)) end
  local ends = call('HGETALL', LEASES)
  for index = 1, #ends, 2 do
    if isGone(ends[index], me) then call('HDEL', LEASES, ends[index]) end
  end
end
local more = 0
if #old == 500 or #closed == 500 or #far == 500 then more = 1 end
return { more, call('ZCARD', OPEN), call('ZCARD', SETTLED), list }
`
)

/**
 * Lets go of what processes that are gone have held, of a part of the open ids at a time. ARGV: cursor, me. Gives the
 * next cursor (`0`: all seen) and the outgoing holds that ended: id, amount, expiresAt.
 */
const recover = script(
  ['books', 'holds', 'open', 'settled', 'leases'],
  corrupt,
  decimal,
  books,
  time,
  leases,
  gone,
  holds,
  release,
  `
local cursor, ids = unpack(call('ZSCAN', OPEN, ARGV[1], 'COUNT', 200))
local now, expired = time(), {}
for index = 1, #ids, 2 do
  local id = ids[index]
  local entry = call('HGET', HOLDS, id)
  if not entry then corrupt('holds') end
  local state, direction, owner, amount, expiresAt = readHold(entry)
  if state == 'h' and isGone(owner, ARGV[2]) then
    if direction == 'i' then
      release(id, entry, direction, amount, expiresAt)
    elseif tonumber(expiresAt) <= now then
      release(id, entry, direction, amount, expiresAt)
      expired[#expired + 1] = { id, amount, expiresAt }
    end
  end
end
return { cursor, expired }
`
)

/** A part of the open ids. ARGV: cursor, me. Gives the next cursor, and of each: id, state, direction, amount, expiresAt, 1 if its process is gone. */
const outstanding = script(
  ['holds', 'open', 'leases'],
  corrupt,
  decimal,
  time,
  leases,
  gone,
  holds,
  `
local cursor, ids = unpack(call('ZSCAN', OPEN, ARGV[1], 'COUNT', 200))
local list = {}
for index = 1, #ids, 2 do
  local id = ids[index]
  local entry = call('HGET', HOLDS, id)
  if not entry then corrupt('holds') end
  local state, direction, owner, amount, expiresAt = readHold(entry)
  list[#list + 1] = { id, state, direction, amount, expiresAt, isGone(owner, ARGV[2]) and 1 or 0 }
end
return { cursor, list }
`
)

/** Ends the lease of a process that has closed. ARGV: me. */
const leave = script(['leases'], `return redis.call('HDEL', LEASES, ARGV[1])`)

export const scripts: Readonly<Record<ScriptName, Script>> = {
  packets,
  confirm,
  move,
  settle,
  suspend,
  resolve,
  snapshot,
  check,
  tend,
  recover,
  outstanding,
  leave
}
