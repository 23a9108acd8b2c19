/**
 * What `recommended()` does to a packet, written by hand into one plugin: the measure of what composing its parts costs.
 * test/recommended-work.test.ts holds it to the behaviour of the stack. A packet has one object, one copy of its bytes,
 * one place among the deadlines and one promise, which all the jobs share. Money, events and the care for the connection
 * are left out: no packet meets them. Who is over a limit of what is in flight does not wait here.
 */
import { hash, randomInt } from 'node:crypto'
import {
  Deadline,
  Deadlines,
  TimeoutError,
  UnreachableError,
  btpError,
  errorOutcome,
  systemClock
} from '@ilp-wrap/core'
import {
  FULFILL,
  amountTooLargeData,
  isForPeer,
  isFulfill,
  octetsStart,
  prepareAmount,
  prepareExpiresAt,
  reject,
  rejectCode,
  rejectTriggeredBy
} from '@ilp-wrap/core/packet'
import { LRUCache } from 'lru-cache'
import { Bucket } from './bucket.js'

// the defaults of the parts
const LIMITS = { capacity: 10_000, refillCount: 10_000, refillMs: 1000 }
const PEER_LIMITS = { capacity: 100, refillCount: 100, refillMs: 1000 }
const IN_FLIGHT = 1000
const TIMEOUT_MS = 30_000
const MAX_ENTRIES = 10_000
const MAX_BYTES = 8 * 1024 * 1024
const MAX_HOLD_MS = 30_000
const GRACE_MS = 5000
const ENTRY_BYTES = 256
const MAX_RAW_KEY = 512
const WINDOW_SLOTS = 10
const WINDOW_MS = 30_000
const MINIMUM_CALLS = 20
const FAILURE_RATIO = 0.5
const HALF_OPEN_AFTER_MS = 5000
const TRIALS = 3
const MAX_ATTEMPTS = 3
const RETRIED = new Set(['T00', 'T01', 'T02', 'T03'])
const BACKOFF_BASE_MS = 100
const BACKOFF_MAX_MS = 2000
const BUSY_MS = 1000
const MARGIN_MS = 1000
const MAX_ELAPSED_MS = 2000
// thousandths
const BUDGET = 10_000
const BUDGET_RETRY = 1000
const BUDGET_SUCCESS = 100
// milliseconds
const BOUNDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000]

const TOO_MANY = reject({ code: 'T05', message: 'Too many packets' })
const BUSY = reject({ code: 'T03', message: 'Too many packets in flight' })
const OPEN = reject({ code: 'T01', message: 'The circuit to the peer is open' })
const THROTTLED = reject({ code: 'T04', message: 'exceeded money bandwidth, throttling.' })
const OVER_MAXIMUM = reject({ code: 'T04', message: 'exceeded maximum balance.' })
const OVER_MINIMUM = reject({ code: 'T04', message: 'exceeded minimum balance.' })
const EXPIRED = reject({ code: 'R00', message: 'The packet had expired' })
const TIMED_OUT = reject({ code: 'R00', message: 'The packet expired before an answer came' })
const INVALID = reject({ code: 'F05', message: 'The answer was no ILP packet' })
const WRONG = reject({ code: 'F05', message: 'The fulfillment did not match the condition' })
const UNREACHABLE = reject({ code: 'T01', message: 'Not sent: not connected' })

const CONDITION = 8 + 17

// ------------------------------------------------------------------------------------------------- amounts per time

class AmountBucket {
  #unit
  #perMicrosecond
  #full
  #fullAt

  constructor({ amount, refillMs = 1000, burst = amount }, now) {
    this.burst = BigInt(burst)
    this.#unit = BigInt(refillMs) * 1000n
    this.#perMicrosecond = BigInt(amount)
    this.#full = this.burst * this.#unit
    this.#fullAt = BigInt(Math.floor(now * 1000)) * this.#perMicrosecond
  }

  take(units, now) {
    const microseconds = Math.floor(now * 1000)
    const since = BigInt(microseconds) * this.#perMicrosecond
    const parts = units * this.#unit
    const missing = this.#fullAt > since ? this.#fullAt - since : 0n
    if (missing + parts > this.#full) return false
    const begin = microseconds < now * 1000 ? since + this.#perMicrosecond : since
    this.#fullAt = (this.#fullAt > begin ? this.#fullAt : begin) + parts
    return true
  }

  giveBack(units) {
    this.#fullAt -= units * this.#unit
  }
}

// ------------------------------------------------------------------------------------------------------- the counters

class Tally {
  packets = 0
  value = 0n
  sumMs = 0
  counts = new Array(BOUNDS.length + 1).fill(0)

  add(amount, ms) {
    this.packets++
    this.value += amount
    this.sumMs += ms
    let index = 0
    while (index < BOUNDS.length && ms > BOUNDS[index]) index++
    this.counts[index]++
  }
}

// -------------------------------------------------------------------------------------------------------- the circuit

class Circuit {
  state = 'closed'
  period = 0
  #counts = new Float64Array(2 * WINDOW_SLOTS)
  #newest = 0
  #until = 0
  #started = 0
  #succeeded = 0

  admits(now) {
    if (this.state === 'closed') {
      this.#advance(now)
      return true
    }
    if (this.state === 'open') {
      if (now < this.#until) return false
      this.#enter('half-open')
      this.#started = this.#succeeded = 0
    }
    if (this.#started >= TRIALS) return false
    this.#started++
    return true
  }

  succeed(period, at) {
    if (period !== this.period) return
    if (this.state === 'closed') {
      const slot = Math.floor(at / (WINDOW_MS / WINDOW_SLOTS))
      if (slot > this.#newest - WINDOW_SLOTS) this.#counts[slot % WINDOW_SLOTS]++
      return
    }
    this.#succeeded++
    if (this.#succeeded < TRIALS) return
    this.#counts.fill(0)
    this.#enter('closed')
  }

  fail(period, now) {
    if (period !== this.period) return
    if (this.state === 'closed') {
      this.#advance(now)
      this.#counts[(this.#newest % WINDOW_SLOTS) + WINDOW_SLOTS]++
      let [calls, failures] = [0, 0]
      for (let i = 0; i < 2 * WINDOW_SLOTS; i++) {
        calls += this.#counts[i]
        if (i >= WINDOW_SLOTS) failures += this.#counts[i]
      }
      if (calls < MINIMUM_CALLS || failures < FAILURE_RATIO * calls) return
    }
    this.#until = now + HALF_OPEN_AFTER_MS
    this.#enter('open')
  }

  ignore(period) {
    if (period === this.period && this.state === 'half-open') this.#started--
  }

  #enter(state) {
    this.state = state
    this.period++
  }

  #advance(now) {
    const slot = Math.floor(now / (WINDOW_MS / WINDOW_SLOTS))
    if (slot <= this.#newest) return
    for (let each = Math.max(this.#newest + 1, slot - WINDOW_SLOTS + 1); each <= slot; each++) {
      this.#counts[each % WINDOW_SLOTS] = this.#counts[(each % WINDOW_SLOTS) + WINDOW_SLOTS] = 0
    }
    this.#newest = slot
  }
}

// --------------------------------------------------------------------------------------------------------- the packet

const MEMORY_BYTES = 1024
const TAIL_BYTES = 20
const MAX_FREE = 1024
let free
let freeCount = 0

let newResolve
let newReject
function capture(resolve, fail) {
  newResolve = resolve
  newReject = fail
}

/** Left out, the cache makes an object for them with each call. */
const OPTIONS = {}

/** All that one packet needs on its way. Those that are done are used again. */
class Packet extends Deadline {
  owner
  half
  isPrepare = false
  amount = 0n
  print = 0
  forPeer = false
  /** Where its key begins, and where its bytes end. */
  start = 0
  length = 0
  memory = Buffer.allocUnsafe(MEMORY_BYTES)
  startedAt = 0
  /** Monotonic. */
  began = 0
  period = 0
  /** Its caller has been answered. */
  done = false
  /** It is with whoever is to answer it, and its answer will come back to it. */
  isAway = false
  promise
  resolve
  reject
  after
  inTable = false
  nextFree

  constructor() {
    super(Infinity)
  }

  onAnswer = (answer) => this.owner.answered(answer, this)
  onError = (error) => this.owner.threw(error, this)

  expire() {
    this.owner.expired(this)
  }

  get bytes() {
    return Buffer.from(this.memory.subarray(0, this.length))
  }

  get key() {
    return keyOf(this.memory, this.start, this.length)
  }
}

function packetOf(owner, half, data, at, amount) {
  let packet = free
  if (packet === undefined) packet = new Packet()
  else {
    free = packet.nextFree
    freeCount--
  }
  packet.owner = owner
  packet.half = half
  packet.at = at
  packet.amount = amount
  packet.isPrepare = true
  packet.done = false
  packet.isAway = false
  if (data.length > packet.memory.length) packet.memory = Buffer.allocUnsafe(data.length)
  packet.memory.set(data)
  packet.length = data.length
  packet.promise = new Promise(capture)
  packet.resolve = newResolve
  packet.reject = newReject
  return packet
}

function letGo(packet) {
  packet.owner = packet.half = packet.promise = packet.resolve = packet.reject = undefined
  if (freeCount >= MAX_FREE || packet.memory.length > MEMORY_BYTES) return
  packet.nextFree = free
  free = packet
  freeCount++
}

function keyOf(bytes, start, end) {
  if (end - start <= MAX_RAW_KEY) return bytes.latin1Slice(start, end)
  return hash('sha256', bytes.subarray(start, end), 'binary')
}

function printOf(prepare, start) {
  const end = prepare.readInt32LE(prepare.length - 4)
  return (prepare.readInt32LE(start) ^ Math.imul(end, 0x9e3779b1) ^ prepare.length) >>> 2
}

// ------------------------------------------------------------------------------------------------------ one direction

const PLACE_BITS = 10
const MULTIPLIER = 2 * randomInt(2 ** 31) + 1

function placeOf(print) {
  return Math.imul(print, MULTIPLIER) >>> (32 - PLACE_BITS)
}

class Half {
  constructor(incoming, { rateLimit, throughput, concurrency, maxPacketAmount }, now) {
    const direction = incoming ? 'incoming' : 'outgoing'
    this.incoming = incoming
    this.bucket = new Bucket({ ...LIMITS, ...rateLimit?.[direction] }, now)
    this.peerLimits = { ...PEER_LIMITS, ...rateLimit?.peer }
    this.peerBucket = undefined
    this.amounts = throughput?.[direction] && new AmountBucket(throughput[direction], now)
    this.limit = concurrency?.[direction]?.limit ?? IN_FLIGHT
    this.maximum = maxPacketAmount === undefined ? undefined : BigInt(maxPacketAmount.maximum)
    this.inFlight = 0
    this.holds = 0n
    this.fulfilled = new Tally()
    /** By code, or by what they were. */
    this.others = new Map()
    /** Packets in flight by their print, and the fulfills that are kept. */
    this.table = new Array(2 ** PLACE_BITS).fill(undefined)
    this.tableSize = 0
    this.answers = undefined
  }

  tally(what) {
    let tally = this.others.get(what)
    if (tally === undefined) this.others.set(what, (tally = new Tally()))
    return tally
  }

  inFlightAt(print) {
    let packet = this.table[placeOf(print)]
    while (packet !== undefined && packet.print !== print) packet = packet.after
    return packet
  }

  link(packet) {
    const other = this.inFlightAt(packet.print)
    if (other !== undefined) this.unlink(other)
    if (this.tableSize >= MAX_ENTRIES) return
    const place = placeOf(packet.print)
    packet.after = this.table[place]
    packet.inTable = true
    this.table[place] = packet
    this.tableSize++
  }

  /** False if it was not there any more. */
  unlink(packet) {
    if (!packet.inTable) return false
    packet.inTable = false
    this.tableSize--
    const place = placeOf(packet.print)
    let each = this.table[place]
    if (each === packet) this.table[place] = packet.after
    else {
      while (each.after !== packet) each = each.after
      each.after = packet.after
    }
    packet.after = undefined
    return true
  }

  /** Its bytes, the fulfill, and of the tail the expiry, the time until which it is kept, and where the key ends. */
  keep(packet, fulfill, now) {
    const { start, length } = packet
    let memory = packet.memory
    let end = length
    if (length - start > MAX_RAW_KEY || length + fulfill.length + TAIL_BYTES > memory.length) {
      const key = Buffer.from(packet.key, 'latin1')
      end = start + key.length
      memory = Buffer.allocUnsafe(end + fulfill.length + TAIL_BYTES)
      memory.set(packet.memory.subarray(0, start))
      memory.set(key, start)
    }
    const tail = end + fulfill.length
    memory.set(fulfill, end)
    memory.writeDoubleBE(packet.at, tail)
    memory.writeDoubleBE(Math.min(packet.at, now + MAX_HOLD_MS) + GRACE_MS, tail + 8)
    memory.writeUInt32BE(end, tail + 16)
    this.answers ??= new LRUCache({
      max: MAX_ENTRIES,
      maxSize: MAX_BYTES,
      sizeCalculation: (text) => ENTRY_BYTES + text.length
    })
    this.answers.set(packet.print, memory.latin1Slice(0, tail + TAIL_BYTES), OPTIONS)
  }

  covers({ print, key, amount, at }, now) {
    const known = this.answers?.peek(print, OPTIONS)
    return known !== undefined && this.answerIn(known, key, amount, at, now) !== undefined
  }

  answerIn(text, key, amount, at, now) {
    const bytes = Buffer.from(text, 'latin1')
    const tail = bytes.length - TAIL_BYTES
    const start = octetsStart(bytes, 1) + CONDITION
    const end = bytes.readUInt32BE(tail + 16)
    const until = bytes.readDoubleBE(tail + 8)
    if (bytes.latin1Slice(start, end) !== key || now >= until || until > now + MAX_HOLD_MS + GRACE_MS) return undefined
    if (bytes.readBigUInt64BE(start - CONDITION) < amount || bytes.readDoubleBE(tail) < at) return undefined
    return bytes.subarray(end, tail)
  }
}

// --------------------------------------------------------------------------------------------------------- the plugin

const preimage = Buffer.alloc(32)

export class RecommendedFused {
  static version = 2
  #plugin
  #clock
  #maximum
  #minimum
  #committed = 0n
  #out
  #in
  #circuit = new Circuit()
  #deadlines
  #handler
  #budget = BUDGET
  #closed = false
  #waiting = new Set()

  constructor(plugin, { balance, clock = systemClock, ...options }) {
    const now = clock.monotonic()
    this.#plugin = plugin
    this.#clock = clock
    this.#maximum = BigInt(balance.maximum)
    this.#minimum = balance.minimum === undefined ? -(10n ** 40n) : BigInt(balance.minimum)
    this.#out = new Half(false, options, now)
    this.#in = new Half(true, options, now)
    this.#deadlines = new Deadlines(clock)
  }

  // ---------------------------------------------------------------------------------------------------------- outgoing

  sendData(data) {
    const half = this.#out
    const amount = prepareAmount(data)
    if (amount === undefined) return this.#other(half, data)
    const began = this.#clock.monotonic()
    const circuit = this.#circuit
    if (!circuit.admits(began)) return this.#refuse(half, OPEN, 'T01', amount)
    const { period } = circuit
    const forPeer = isForPeer(data)
    const refusal = this.#limited(half, data, amount, forPeer, began)
    if (refusal !== undefined) {
      circuit.ignore(period)
      return refusal
    }
    const at = prepareExpiresAt(data)
    const start = octetsStart(data, 1) + CONDITION
    let print = 0
    if (!forPeer) {
      print = printOf(data, start)
      const repeated = this.#repeated(half, data, print, start, amount, at, began, period)
      if (repeated !== undefined) return repeated
    }
    const holds = half.holds + amount
    if (amount !== 0n && this.#committed - holds < this.#minimum) {
      circuit.ignore(period)
      half.amounts?.giveBack(amount)
      return this.#refuse(half, OVER_MINIMUM, 'T04', amount)
    }
    const now = this.#clock.now()
    const connected = this.#plugin.isConnected() || this.#closed
    if (connected && now >= at) {
      circuit.ignore(period)
      half.amounts?.giveBack(amount)
      return this.#refuse(half, EXPIRED, 'R00', amount)
    }
    half.holds = holds
    half.inFlight++
    const packet = packetOf(this, half, data, at, amount)
    packet.start = start
    packet.print = print
    packet.forPeer = forPeer
    packet.began = began
    packet.period = period
    packet.startedAt = now
    this.#deadlines.add(packet)
    const { promise } = packet
    if (connected) {
      packet.isAway = true
      this.#attempt(data).then(packet.onAnswer, packet.onError)
    } else this.#sendOnceConnected(packet)
    if (!forPeer) half.link(packet)
    return promise
  }

  // ---------------------------------------------------------------------------------------------------------- incoming

  #receive(data) {
    const half = this.#in
    const amount = prepareAmount(data)
    if (amount === undefined) return this.#other(half, data)
    const began = this.#clock.monotonic()
    const forPeer = isForPeer(data)
    const refusal = this.#limited(half, data, amount, forPeer, began)
    if (refusal !== undefined) return refusal
    const at = prepareExpiresAt(data)
    const start = octetsStart(data, 1) + CONDITION
    let print = 0
    if (!forPeer) {
      print = printOf(data, start)
      const repeated = this.#repeated(half, data, print, start, amount, at, began, 0)
      if (repeated !== undefined) return repeated
    }
    const holds = half.holds + amount
    if (amount !== 0n && this.#committed + holds > this.#maximum) {
      half.amounts?.giveBack(amount)
      return this.#refuse(half, OVER_MAXIMUM, 'T04', amount)
    }
    if (this.#clock.now() >= at) {
      half.amounts?.giveBack(amount)
      return this.#refuse(half, EXPIRED, 'R00', amount)
    }
    half.holds = holds
    half.inFlight++
    const packet = packetOf(this, half, data, at, amount)
    packet.start = start
    packet.print = print
    packet.forPeer = forPeer
    packet.began = began
    packet.isAway = true
    this.#deadlines.add(packet)
    const { promise } = packet
    this.#handle(data).then(packet.onAnswer, packet.onError)
    if (!forPeer) half.link(packet)
    return promise
  }

  #handle(data) {
    try {
      const answer = this.#handler(data)
      return answer instanceof Promise ? answer : Promise.resolve(answer)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // -------------------------------------------------------------------------------------------------------- the guards

  #limited(half, data, amount, forPeer, now) {
    if (half.inFlight >= half.limit) return this.#refuse(half, BUSY, 'T03', amount)
    const bucket = forPeer ? (half.peerBucket ??= new Bucket(half.peerLimits, now)) : half.bucket
    if (!bucket.take(now)) return this.#refuse(half, TOO_MANY, 'T05', amount)
    if (half.maximum !== undefined && amount > half.maximum && !forPeer) {
      return this.#refuse(half, tooLarge(amount, half.maximum), 'F08', amount)
    }
    if (half.amounts === undefined || amount === 0n || half.amounts.take(amount, now)) return undefined
    const { burst } = half.amounts
    if (amount <= burst) return this.#refuse(half, THROTTLED, 'T04', amount)
    return this.#refuse(half, tooLarge(amount, burst), 'F08', amount)
  }

  #refuse(half, answer, code, amount) {
    half.tally(code).add(amount, 0)
    return Promise.resolve(Buffer.from(answer))
  }

  /** The answer of the packet that this one repeats, if it repeats one. */
  #repeated(half, data, print, start, amount, at, began, period) {
    const text = half.answers?.peek(print, OPTIONS)
    const flight = half.inFlightAt(print)
    if (text === undefined && flight === undefined) return undefined
    const key = keyOf(data, start, data.length)
    const now = this.#clock.now()
    const fulfill = text === undefined ? undefined : half.answerIn(text, key, amount, at, now)
    if (fulfill !== undefined) {
      half.answers.get(print, OPTIONS)
      half.fulfilled.add(amount, 0)
      if (!half.incoming) this.#circuit.succeed(period, began)
      return Promise.resolve(fulfill)
    }
    if (flight === undefined || flight.key !== key || flight.amount < amount || flight.at < at) return undefined
    half.inFlight++
    const shared = at === flight.at ? flight.promise : this.#untilExpiry(flight.promise, at)
    const end = (outcome) => {
      half.inFlight--
      if (outcome !== FULFILL) half.amounts?.giveBack(amount)
      const ms = this.#clock.monotonic() - began
      if (outcome === FULFILL) half.fulfilled.add(amount, ms)
      else half.tally(outcome).add(amount, ms)
      if (!half.incoming) this.#circuit.ignore(period)
    }
    shared.then(
      (reply) => end(isFulfill(reply) ? FULFILL : (rejectCode(reply) ?? 'invalid')),
      () => end('failed')
    )
    return shared
  }

  #untilExpiry(answer, at) {
    return new Promise((resolve, fail) => {
      const end = new End(at, () => resolve(TIMED_OUT))
      this.#deadlines.add(end)
      const settle = (how) => (value) => {
        this.#deadlines.delete(end)
        how(value)
      }
      answer.then(settle(resolve), settle(fail))
    })
  }

  // --------------------------------------------------------------------------------------------------------- the answer

  answered(answer, packet) {
    packet.isAway = false
    if (packet.done) return letGo(packet)
    const { half } = packet
    if (!packet.isPrepare) return this.#otherAnswered(answer, packet)
    const reply = checked(answer, packet)
    if (reply[0] !== FULFILL) {
      const code = rejectCode(reply)
      if (!half.incoming && RETRIED.has(code)) {
        this.#retry(packet, { answer: reply, code, thrown: false, busy: code === 'T02' || code === 'T03' })
        return
      }
      this.#unfulfilled(packet, reply, code)
      return letGo(packet)
    }
    const now = this.#clock.now()
    if (now >= packet.at) {
      this.#unfulfilled(packet, TIMED_OUT, 'R00')
      return letGo(packet)
    }
    this.#fulfilled(packet, reply, now)
    letGo(packet)
  }

  threw(error, packet) {
    packet.isAway = false
    if (packet.done) return letGo(packet)
    if (packet.half.incoming) {
      if (!packet.isPrepare) return this.#otherThrew(error, packet)
      const { code, answer } = converted(error)
      this.#unfulfilled(packet, answer, code)
      return letGo(packet)
    }
    if (mayResend(error, packet)) {
      this.#retry(packet, { answer: error, thrown: true, busy: errorOutcome(error) === 'refused' })
      return
    }
    if (packet.isPrepare) this.#thrown(packet, error)
    else this.#otherThrew(error, packet)
  }

  #fulfilled(packet, reply, now) {
    const { half, amount } = packet
    const wasKnown = this.#leave(packet)
    half.holds -= amount
    this.#committed += half.incoming ? amount : -amount
    const ended = this.#clock.monotonic()
    half.fulfilled.add(amount, ended - packet.began)
    if (!packet.forPeer && (wasKnown || !half.covers(packet, now))) half.keep(packet, reply, now)
    if (!half.incoming) {
      this.#circuit.succeed(packet.period, packet.began)
      if (this.#budget < BUDGET) this.#budget = Math.min(BUDGET, this.#budget + BUDGET_SUCCESS)
    }
    packet.resolve(reply)
  }

  #unfulfilled(packet, reply, code) {
    const { half, amount } = packet
    this.#leave(packet)
    half.holds -= amount
    half.amounts?.giveBack(amount)
    const ended = this.#clock.monotonic()
    half.tally(code).add(amount, ended - packet.began)
    if (!half.incoming) {
      if (reply === TIMED_OUT) this.#circuit.fail(packet.period, ended)
      else if (rejectTriggeredBy(reply) === '') this.#circuit.ignore(packet.period)
      else this.#circuit.succeed(packet.period, packet.began)
    }
    packet.resolve(reply)
  }

  /** The peer may have it: unless the opposite is certain, its hold lasts until it expires. */
  #thrown(packet, error) {
    const { half, amount } = packet
    const isLost = errorOutcome(error) === 'ambiguous'
    this.#leave(packet)
    if (isLost) this.#deadlines.add(packet)
    else {
      half.holds -= amount
      half.amounts?.giveBack(amount)
    }
    const ended = this.#clock.monotonic()
    half.tally('failed').add(amount, ended - packet.began)
    this.#countThrown(packet, error, ended)
    packet.reject(error)
    if (!isLost) letGo(packet)
  }

  #countThrown(packet, error, now) {
    if ([undefined, null, 'T00', 'T01', 'R00'].includes(error?.ilpErrorCode)) this.#circuit.fail(packet.period, now)
    else this.#circuit.ignore(packet.period)
  }

  #leave(packet) {
    packet.done = true
    this.#deadlines.delete(packet)
    packet.half.inFlight--
    return packet.half.unlink(packet)
  }

  expired(packet) {
    if (packet.done) {
      // only what it held was left
      packet.half.holds -= packet.amount
      letGo(packet)
      return
    }
    if (!packet.isPrepare) {
      const ended = this.#clock.monotonic()
      this.#leave(packet)
      if (!packet.half.incoming) this.#circuit.fail(packet.period, ended)
      packet.half.tally('failed').add(0n, ended - packet.began)
      packet.reject(new TimeoutError(`No answer within ${TIMEOUT_MS} ms`))
      return
    }
    this.#unfulfilled(packet, TIMED_OUT, 'R00')
    // its answer may still come back to it
    if (!packet.isAway) letGo(packet)
  }

  // ------------------------------------------------------------------------------------------- what is no prepare

  #other(half, data) {
    const began = this.#clock.monotonic()
    const { period } = this.#circuit
    if (!half.incoming && !this.#circuit.admits(began)) return failure('CircuitOpenError', 'T01')
    if (half.inFlight >= half.limit) return failure('BusyError', 'T03')
    if (!half.bucket.take(began)) return failure('RateLimitedError', 'T05')
    half.inFlight++
    const packet = packetOf(this, half, data, this.#clock.now() + TIMEOUT_MS, 0n)
    packet.isPrepare = false
    packet.began = began
    packet.period = period
    packet.startedAt = this.#clock.now()
    packet.isAway = true
    this.#deadlines.add(packet)
    const { promise } = packet
    const answer = half.incoming ? this.#handle(data) : this.#attempt(data)
    answer.then(packet.onAnswer, packet.onError)
    return promise
  }

  #otherAnswered(answer, packet) {
    const { half } = packet
    this.#leave(packet)
    half.tally('answered').add(0n, this.#clock.monotonic() - packet.began)
    if (!half.incoming) this.#circuit.succeed(packet.period, packet.began)
    packet.resolve(answer)
    letGo(packet)
  }

  #otherThrew(error, packet) {
    const { half } = packet
    const ended = this.#clock.monotonic()
    this.#leave(packet)
    half.tally('failed').add(0n, ended - packet.began)
    if (!half.incoming) this.#countThrown(packet, error, ended)
    packet.reject(error)
    letGo(packet)
  }

  // -------------------------------------------------------------------------------------------- after a first failure

  #attempt(data) {
    try {
      return this.#plugin.sendData(data)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #retry(packet, first) {
    const deadline = packet.isPrepare ? packet.at - MARGIN_MS : packet.startedAt + MAX_ELAPSED_MS
    let failed = first
    for (let attempts = 1; attempts < MAX_ATTEMPTS; attempts++) {
      const most = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** (attempts - 1))
      const delayMs = Math.random() * most + (failed.busy ? BUSY_MS : 0)
      const now = this.#clock.now()
      if (this.#closed || this.#budget < BUDGET_RETRY || now - packet.startedAt > MAX_ELAPSED_MS) break
      if (now + delayMs > deadline) break
      this.#budget -= BUDGET_RETRY
      if (!(await this.#sleep(delayMs)) || this.#clock.now() > deadline) break
      packet.isAway = true
      try {
        const answer = await this.#attempt(packet.bytes)
        packet.isAway = false
        if (packet.done) return letGo(packet)
        if (!packet.isPrepare) return this.#otherAnswered(answer, packet)
        const reply = checked(answer, packet)
        const end = this.#clock.now()
        if (reply[0] === FULFILL && end < packet.at) {
          this.#fulfilled(packet, reply, end)
          return letGo(packet)
        }
        const code = rejectCode(reply)
        failed = { answer: reply[0] === FULFILL ? TIMED_OUT : reply, code: code ?? 'R00', thrown: false }
        failed.busy = code === 'T02' || code === 'T03'
        if (!RETRIED.has(code)) break
      } catch (error) {
        packet.isAway = false
        if (packet.done) return letGo(packet)
        failed = { answer: error, thrown: true, busy: errorOutcome(error) === 'refused' }
        if (!mayResend(error, packet)) break
      }
    }
    if (packet.isPrepare && failed.thrown) return this.#thrown(packet, failed.answer)
    if (failed.thrown) return this.#otherThrew(failed.answer, packet)
    this.#unfulfilled(packet, failed.answer, failed.code)
    letGo(packet)
  }

  /** False if `disconnect()` was called meanwhile. */
  #sleep(ms, untilConnected = false) {
    return new Promise((resolve) => {
      const wake = (how) => {
        this.#waiting.delete(wake)
        this.#clock.clearTimeout(timer)
        if (untilConnected) this.#plugin.removeListener('connect', wake)
        resolve(how !== 'stopped')
      }
      const timer = this.#clock.setTimeout(wake, ms)
      if (untilConnected) this.#plugin.on('connect', wake)
      this.#waiting.add(wake)
    })
  }

  async #sendOnceConnected(packet) {
    const limit = Math.min(MAX_ELAPSED_MS, packet.at - MARGIN_MS - this.#clock.now())
    if (limit > 0 && !(await this.#sleep(limit, true))) {
      this.#unfulfilled(packet, UNREACHABLE, 'T01')
      return letGo(packet)
    }
    packet.startedAt = this.#clock.now()
    packet.isAway = true
    this.#attempt(packet.bytes).then(packet.onAnswer, packet.onError)
  }

  // -------------------------------------------------------------------------------------------------- the rest of it

  registerDataHandler(handler) {
    this.#handler = handler
    this.#plugin.registerDataHandler((data) => this.#receive(data))
  }

  deregisterDataHandler() {
    this.#plugin.deregisterDataHandler()
    this.#handler = undefined
  }

  connect(options) {
    this.#closed = false
    this.#deadlines.open()
    return this.#plugin.connect(options)
  }

  disconnect() {
    this.#closed = true
    this.#deadlines.close()
    for (const wake of [...this.#waiting]) wake('stopped')
    return this.#plugin.disconnect()
  }

  isConnected() {
    return this.#plugin.isConnected()
  }

  sendMoney(amount) {
    return this.#plugin.sendMoney(amount)
  }

  registerMoneyHandler(handler) {
    this.#plugin.registerMoneyHandler(handler)
  }

  deregisterMoneyHandler() {
    this.#plugin.deregisterMoneyHandler()
  }

  on(name, listener) {
    this.#plugin.on(name, listener)
    return this
  }

  once(name, listener) {
    this.#plugin.once(name, listener)
    return this
  }

  removeListener(name, listener) {
    this.#plugin.removeListener(name, listener)
    return this
  }

  emit(name, ...args) {
    return this.#plugin.emit(name, ...args)
  }
}

class End extends Deadline {
  #end

  constructor(at, end) {
    super(at)
    this.#end = end
  }

  expire() {
    this.#end()
  }
}

/** The answer, or F05 in the place of what is no valid one. */
function checked(answer, packet) {
  if (isFulfill(answer)) {
    const from = octetsStart(answer, 1)
    for (let i = 0; i < 32; i++) preimage[i] = answer[from + i]
    const { memory, start } = packet
    return hash('sha256', preimage, 'binary') === memory.latin1Slice(start, start + 32) ? answer : WRONG
  }
  return rejectCode(answer) === undefined ? INVALID : answer
}

/** The reject that goes in the place of what the host has thrown. */
function converted(error) {
  const own = error?.ilpErrorCode
  const code = /^[FTR][0-9]{2}$/.test(own) ? own : 'T00'
  return { code, answer: reject({ code, message: 'The packet could not be handled' }) }
}

function tooLarge(amount, maximum) {
  const message = `packet size too large. maxAmount=${maximum} actualAmount=${amount}`
  return reject({ code: 'F08', message, data: amountTooLargeData(amount, maximum) })
}

function failure(name, ilpErrorCode) {
  return Promise.reject(Object.assign(new UnreachableError('Refused'), { name, ilpErrorCode }))
}

/** After a throw: when nothing was sent, or the peer's protocol answered T00 to a prepare. */
function mayResend(error, packet) {
  const outcome = errorOutcome(error)
  if (outcome === 'not-sent') return true
  return outcome === 'refused' && packet.isPrepare && btpError(error)?.code === 'T00'
}
