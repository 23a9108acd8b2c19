/**
 * What `[retry(), balance({ maximum, minimum }), rateLimit()]` does to a packet, written by hand into one plugin: the
 * measure of what composing them costs. test/traffic.test.ts holds it to the behaviour of the three. Money and the care
 * for the connection are left to the plugin beneath: no packet meets them.
 */
import { Deadline, Deadlines, UnreachableError, btpError, errorOutcome, systemClock } from '@ilp-wrap/core'
import {
  FULFILL,
  REJECT,
  isFulfill,
  octetsStart,
  prepareAmount,
  prepareDestination,
  prepareExpiresAt,
  reject,
  rejectCode
} from '@ilp-wrap/core/packet'
import { Bucket } from './bucket.js'

// the defaults of the three
const LIMITS = { capacity: 10_000, refillCount: 10_000, refillMs: 1000 }
const PEER_LIMITS = { capacity: 100, refillCount: 100, refillMs: 1000 }
const MAX_ATTEMPTS = 3
const CODES = new Set(['T00', 'T01', 'T02', 'T03'])
const BACKOFF_BASE_MS = 100
const BACKOFF_MAX_MS = 2000
const BUSY_MS = 1000
const MARGIN_MS = 1000
const MAX_ELAPSED_MS = 2000
const DATA_TIMEOUT_MS = 10_000
const CONNECT_WAIT_MS = 2000
const MAX_WAITING = 1000
// thousandths
const BUDGET = 10_000
const BUDGET_RETRY = 1000
const BUDGET_SUCCESS = 100

const TOO_MANY = reject({ code: 'T05', message: 'Too many packets' })
const OVER_MAXIMUM = reject({ code: 'T04', message: 'exceeded maximum balance.' })
const OVER_MINIMUM = reject({ code: 'T04', message: 'exceeded minimum balance.' })

const PEER = Buffer.from('peer.')

/** Of a packet that is known to be a prepare. */
function isForPeer(prepare) {
  const at = octetsStart(prepare, octetsStart(prepare, 1) + 8 + 17 + 32)
  for (let i = 0; i < PEER.length; i++) if ((prepare[at + i] & 0x7f) !== PEER[i]) return false
  return true
}

// ------------------------------------------------------------------------------------------------------------ the packet

const MAX_FREE = 1024
const MAX_KEPT_BYTES = 2048
let free
let freeCount = 0

/**
 * What one packet needs on its way: its hold, its place among the deadlines, its bytes for another attempt, and the two
 * functions that its answer calls. Those that are done are used again.
 */
class Packet extends Deadline {
  owner
  incoming = false
  amount = 0n
  isPrepare = false
  /** Whether the books hold its amount. */
  held = false
  expired = false
  /** Its caller has been answered. */
  done = false
  startedAt = 0
  memory
  length = 0
  nextFree

  constructor(bytes) {
    super(0)
    this.memory = Buffer.allocUnsafe(bytes)
  }

  onAnswer = (answer) => this.owner.answered(answer, this)
  onError = (error) => this.owner.threw(error, this)

  expire() {
    this.owner.expired(this)
  }

  get bytes() {
    return this.memory.subarray(0, this.length)
  }
}

function packetOf(owner, data, at, amount) {
  let packet = free
  if (packet === undefined) packet = new Packet(data.length)
  else {
    free = packet.nextFree
    freeCount--
    packet.nextFree = undefined
  }
  packet.owner = owner
  packet.at = at
  packet.amount = amount
  packet.expired = false
  packet.done = false
  const { length } = data
  if (length > packet.memory.length) packet.memory = Buffer.allocUnsafe(length)
  packet.memory.set(data)
  packet.length = length
  return packet
}

/** Only of one that waits nowhere any more. */
function letGo(packet) {
  packet.owner = undefined
  if (freeCount >= MAX_FREE || packet.memory.length > MAX_KEPT_BYTES) return
  packet.nextFree = free
  free = packet
  freeCount++
}

/** A later attempt: it ends when the packet expires. */
class AttemptEnd extends Deadline {
  #end

  constructor(at, end) {
    super(at)
    this.#end = end
  }

  expire() {
    this.#end()
  }
}

// ------------------------------------------------------------------------------------------------------------ the plugin

export class FusedPlugin {
  static version = 2
  /** Gets each event, as `events(plugin)` gives them. */
  onEvent
  #plugin
  #clock
  #maximum
  #minimum
  #committed = 0n
  #holdsIn = 0n
  #holdsOut = 0n
  #bucketIn
  #bucketOut
  #peerLimits
  #peerIn
  #peerOut
  #handler
  #holds
  #ends
  #budget = BUDGET
  #closed = false
  /** What wakes each packet that waits, for its next attempt or for the connection. */
  #waiting = new Set()

  constructor(plugin, { maximum, minimum, incoming, outgoing, peer, clock = systemClock }) {
    const now = clock.monotonic()
    this.#plugin = plugin
    this.#clock = clock
    this.#maximum = maximum
    this.#minimum = minimum
    this.#bucketIn = new Bucket({ ...LIMITS, ...incoming }, now)
    this.#bucketOut = new Bucket({ ...LIMITS, ...outgoing }, now)
    this.#peerLimits = { ...PEER_LIMITS, ...peer }
    this.#holds = new Deadlines(clock, { ref: false })
  }

  // ---------------------------------------------------------------------------------------------------------- outgoing

  sendData(data) {
    const amount = prepareAmount(data)
    if (amount === undefined) return this.#sendOther(data)
    const monotonic = this.#clock.monotonic()
    const bucket = isForPeer(data) ? (this.#peerOut ??= new Bucket(this.#peerLimits, monotonic)) : this.#bucketOut
    if (!bucket.take(monotonic)) return this.#refuse('outgoing', data, TOO_MANY, bucket.waitMs(monotonic))
    if (amount !== 0n) {
      const holds = this.#holdsOut + amount
      if (this.#committed - holds < this.#minimum) return this.#refuse('outgoing', data, OVER_MINIMUM)
      this.#holdsOut = holds
    }
    const packet = packetOf(this, data, prepareExpiresAt(data), amount)
    packet.incoming = false
    packet.isPrepare = true
    packet.held = amount !== 0n
    if (packet.held) this.#holds.add(packet)
    if (!this.#plugin.isConnected() && !this.#closed) return this.#sendOnceConnected(packet)
    return this.#send(packet, data)
  }

  #send(packet, data) {
    const now = this.#clock.now()
    if (packet.isPrepare && now >= packet.at) {
      this.#settleUnfulfilled(packet)
      return this.#refuse('outgoing', data, expired())
    }
    packet.startedAt = now
    let answer
    try {
      answer = this.#plugin.sendData(data)
    } catch (error) {
      answer = Promise.reject(error)
    }
    return answer.then(packet.onAnswer, packet.onError)
  }

  #sendOther(data) {
    const monotonic = this.#clock.monotonic()
    if (!this.#bucketOut.take(monotonic)) return this.#refuseOther(this.#bucketOut.waitMs(monotonic))
    if (!Buffer.isBuffer(data)) return this.#plugin.sendData(data)
    const packet = packetOf(this, data, Infinity, 0n)
    packet.incoming = false
    packet.isPrepare = false
    packet.held = false
    if (!this.#plugin.isConnected() && !this.#closed) return this.#sendOnceConnected(packet)
    return this.#send(packet, data)
  }

  answered(answer, packet) {
    if (packet.incoming) return this.#settle(answer, packet)
    if (!packet.isPrepare || answer?.[0] === FULFILL) {
      this.#budget = Math.min(BUDGET, this.#budget + BUDGET_SUCCESS)
      this.#settle(answer, packet)
      return answer
    }
    const code = answer?.[0] === REJECT ? rejectCode(answer) : undefined
    if (CODES.has(code)) return this.#retry(packet, rejectedFailure(answer, code))
    this.#settleUnfulfilled(packet)
    return answer
  }

  threw(error, packet) {
    if (packet.incoming) return this.#settleUnfulfilled(packet)
    if (mayResend(error, packet)) return this.#retry(packet, thrownFailure(error))
    this.#settleThrown(error, packet)
    return Promise.reject(error)
  }

  // -------------------------------------------------------------------------------------------- after a first failure

  async #retry(packet, first) {
    const deadline = packet.isPrepare ? packet.at - MARGIN_MS : packet.startedAt + DATA_TIMEOUT_MS
    let failure = first
    for (let attempts = 1; ; attempts++) {
      const most = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** (attempts - 1))
      const delayMs = Math.random() * most + (failure.busy ? BUSY_MS : 0)
      if (attempts >= MAX_ATTEMPTS || !this.#mayWait(packet, delayMs, deadline)) break
      this.#budget -= BUDGET_RETRY
      this.onEvent?.({ type: 'retry-scheduled', attempt: attempts, delayMs })
      if ((await this.#sleep(delayMs)) === 'stopped' || this.#clock.now() > deadline) break
      try {
        const answer = await this.#attempt(packet)
        if (!packet.isPrepare || answer?.[0] === FULFILL) {
          this.#budget = Math.min(BUDGET, this.#budget + BUDGET_SUCCESS)
          this.#settle(answer, packet)
          return answer
        }
        const code = answer?.[0] === REJECT ? rejectCode(answer) : undefined
        failure = rejectedFailure(answer, code)
        if (!CODES.has(code)) break
      } catch (error) {
        failure = thrownFailure(error)
        if (!mayResend(error, packet)) break
      }
    }
    if (!failure.thrown) {
      this.#settleUnfulfilled(packet)
      return failure.answer
    }
    this.#settleThrown(failure.answer, packet)
    throw failure.answer
  }

  #mayWait(packet, delayMs, deadline) {
    if (this.#closed || this.#waiting.size >= MAX_WAITING || this.#budget < BUDGET_RETRY) return false
    const now = this.#clock.now()
    return now - packet.startedAt <= MAX_ELAPSED_MS && now + delayMs <= deadline
  }

  #attempt(packet) {
    if (!packet.isPrepare) return this.#plugin.sendData(Buffer.from(packet.bytes))
    const ends = (this.#ends ??= new Deadlines(this.#clock))
    const { amount, at } = packet
    return new Promise((resolve, reject) => {
      let over = false
      const end = new AttemptEnd(at, () => {
        over = true
        resolve(expired())
      })
      ends.add(end)
      const finish = (settle) => (value) => {
        if (over) {
          if (value?.[0] === FULFILL) {
            this.onEvent?.({ type: 'late-fulfill', direction: 'outgoing', amount, expiresAt: at })
          }
          return
        }
        ends.delete(end)
        settle(value)
      }
      this.#plugin.sendData(Buffer.from(packet.bytes)).then(finish(resolve), finish(reject))
    })
  }

  /** Resolves to `'stopped'` if `disconnect()` is called meanwhile. */
  #sleep(ms, untilConnected = false) {
    return new Promise((resolve) => {
      const wake = (how) => {
        this.#waiting.delete(wake)
        this.#clock.clearTimeout(timer)
        if (untilConnected) this.#plugin.removeListener('connect', wake)
        resolve(how)
      }
      const timer = this.#clock.setTimeout(wake, ms)
      if (untilConnected) this.#plugin.on('connect', wake)
      this.#waiting.add(wake)
    })
  }

  async #sendOnceConnected(packet) {
    const limit = packet.isPrepare ? packet.at - MARGIN_MS - this.#clock.now() : DATA_TIMEOUT_MS
    if (limit > 0) {
      if (this.#waiting.size >= MAX_WAITING) return this.#unreachable(packet)
      if ((await this.#sleep(Math.min(CONNECT_WAIT_MS, limit), true)) === 'stopped') return this.#unreachable(packet)
    }
    return this.#send(packet, Buffer.from(packet.bytes))
  }

  #unreachable(packet) {
    const data = Buffer.from(packet.bytes)
    const { isPrepare } = packet
    this.#settleUnfulfilled(packet)
    if (isPrepare) return this.#refuse('outgoing', data, reject({ code: 'T01', message: 'Not sent: not connected' }))
    return Promise.reject(Object.assign(new UnreachableError('Not sent: not connected'), { notSent: true }))
  }

  // ---------------------------------------------------------------------------------------------------------- incoming

  #receive(data) {
    const amount = prepareAmount(data)
    const monotonic = this.#clock.monotonic()
    let bucket = this.#bucketIn
    if (amount !== undefined && isForPeer(data)) bucket = this.#peerIn ??= new Bucket(this.#peerLimits, monotonic)
    if (!bucket.take(monotonic)) {
      const waitMs = bucket.waitMs(monotonic)
      return amount === undefined ? this.#refuseOther(waitMs) : this.#refuse('incoming', data, TOO_MANY, waitMs)
    }
    if (amount === undefined || amount === 0n) return this.#handle(data)
    const holds = this.#holdsIn + amount
    if (this.#committed + holds > this.#maximum) return this.#refuse('incoming', data, OVER_MAXIMUM)
    this.#holdsIn = holds
    const packet = incomingOf(this, prepareExpiresAt(data), amount)
    this.#holds.add(packet)
    const answer = this.#handle(data)
    answer.then(packet.onAnswer, packet.onError)
    return answer
  }

  #handle(data) {
    try {
      const answer = this.#handler(data)
      return answer instanceof Promise ? answer : Promise.resolve(answer)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // --------------------------------------------------------------------------------------------------------- the books

  #settle(answer, packet) {
    const { held, expired, incoming, amount } = packet
    if (!held) return letGo(packet)
    this.#holds.delete(packet)
    if (!expired) {
      if (incoming) this.#holdsIn -= amount
      else this.#holdsOut -= amount
    }
    if (isFulfill(answer)) {
      if (this.#clock.now() < packet.at) {
        if (expired) this.#tell('hold-recovered', packet)
        this.#committed += incoming ? amount : -amount
        this.onEvent?.({ type: 'balance-changed', balance: this.#committed })
      } else this.#tell('late-fulfill', packet)
    }
    letGo(packet)
  }

  #settleUnfulfilled(packet) {
    if (packet.held) {
      this.#holds.delete(packet)
      if (!packet.expired) {
        if (packet.incoming) this.#holdsIn -= packet.amount
        else this.#holdsOut -= packet.amount
      }
    }
    letGo(packet)
  }

  /** The peer may have it: unless the opposite is certain, its hold lasts until it expires. */
  #settleThrown(error, packet) {
    if (packet.held && !packet.expired && errorOutcome(error) === 'ambiguous') packet.done = true
    else this.#settleUnfulfilled(packet)
  }

  expired(packet) {
    packet.expired = true
    if (packet.incoming) this.#holdsIn -= packet.amount
    else this.#holdsOut -= packet.amount
    this.#tell('hold-expired', packet)
    if (packet.done) letGo(packet)
  }

  #tell(type, { incoming, amount, at }) {
    this.onEvent?.({ type, direction: incoming ? 'incoming' : 'outgoing', amount, expiresAt: at })
  }

  #refuse(direction, data, answer, retryAfterMs) {
    if (this.onEvent !== undefined) {
      const [code, amount, destination] = [rejectCode(answer), prepareAmount(data), prepareDestination(data)]
      this.onEvent({ type: 'packet-rejected', direction, code, amount, destination, retryAfterMs })
    }
    return Promise.resolve(Buffer.from(answer))
  }

  #refuseOther(retryAfterMs) {
    const error = new Error('Too many requests')
    return Promise.reject(Object.assign(error, { name: 'RateLimitedError', ilpErrorCode: 'T05', retryAfterMs }))
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
    this.#holds.open()
    return this.#plugin.connect(options)
  }

  disconnect() {
    this.#closed = true
    this.#holds.close()
    this.#ends?.close()
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

const NOTHING = Buffer.alloc(0)

/** An incoming packet goes on once: there are no bytes to keep. */
function incomingOf(owner, at, amount) {
  const packet = packetOf(owner, NOTHING, at, amount)
  packet.incoming = true
  packet.isPrepare = true
  packet.held = true
  return packet
}

/** After a throw: when nothing was sent, or the peer's protocol answered T00 to a prepare. */
function mayResend(error, packet) {
  const outcome = errorOutcome(error)
  if (outcome === 'not-sent') return true
  return outcome === 'refused' && packet.isPrepare && btpError(error)?.code === 'T00'
}

function rejectedFailure(answer, code) {
  return { answer, thrown: false, busy: code === 'T02' || code === 'T03' }
}

function thrownFailure(error) {
  return { answer: error, thrown: true, busy: errorOutcome(error) === 'refused' }
}

function expired() {
  return reject({ code: 'R00', message: 'The packet has expired' })
}
