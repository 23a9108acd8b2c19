import { UnreachableError } from '@ilp-wrap/core'
import type { Clock, Setup } from '@ilp-wrap/core'
import { isForPeer, prepareAmount, prepareDestination, prepareExpiresAt, reject } from '@ilp-wrap/core/packet'
import { TokenBucket } from './bucket.js'
import type { Limits, Rate } from './bucket.js'
import { RateLimitedError } from './errors.js'
import { KeyedBuckets } from './keyed-buckets.js'
import { Consultant } from './limiter.js'
import type { HalfConfig, LimiterConfig, WaitingConfig } from './options.js'
import { WaitingRoom } from './waiting-room.js'
import type { Source } from './waiting-room.js'

type Next = (data: Buffer) => Promise<Buffer>

/** What `rateLimitOf(plugin)?.snapshot()` tells of one direction. */
export interface HalfSnapshot {
  /** Undefined beside a `limiter`, which knows its own. */
  readonly limits: Limits | undefined
  /** Whole tokens in the bucket of packets without a key. Undefined beside a `limiter`. */
  readonly tokens: number | undefined
  readonly peerLimits: Limits | undefined
  readonly peerTokens: number | undefined
  /** How many keys have a bucket. */
  readonly keys: number
  /** How many packets wait for their turn, and base units they hold. */
  readonly waiting: number
  readonly waitingAmount: bigint
}

/**
 * T05: the field's code for a limit of packets, temporary, as the next one may pass (RFC 0027, "Error Codes"). Never R00,
 * which ends a STREAM connection.
 */
const TOO_MANY = reject({ code: 'T05', message: 'Too many packets' })

/** The limit of one plugin in one direction. What few plugins come to need is made when they do. */
export class Half {
  readonly #config: HalfConfig
  readonly #setup: Setup
  readonly #clock: Clock
  readonly #bucket: TokenBucket
  #peerBucket: TokenBucket | undefined
  #keyed: KeyedBuckets | undefined
  #room: WaitingRoom | undefined
  #consultant: Consultant | undefined

  constructor(config: HalfConfig, setup: Setup) {
    this.#config = config
    this.#setup = setup
    this.#clock = setup.clock
    this.#bucket = new TokenBucket(config.rate, this.#clock.monotonic())
  }

  pass(data: Buffer, next: Next): Promise<Buffer> {
    const now = this.#clock.monotonic()
    let bucket = this.#bucket
    if (isForPeer(data)) {
      const peer = this.#forPeer(now)
      if (peer === undefined) return next(data)
      bucket = peer
    } else {
      const { limiter, key } = this.#config
      if (limiter !== undefined) return this.#consult(limiter, data, next)
      if (key !== undefined) bucket = this.#forKey(key(data, this.#config.direction), now)
    }
    if (this.#room?.isOccupied(bucket) !== true && bucket.take(now)) return next(data)
    const { waiting } = this.#config
    if (waiting === undefined) return this.#refuse(data, bucket.waitMs(now, 1))
    return this.#wait(waiting, bucket, new BucketSource(bucket, this.#clock), data, next)
  }

  snapshot(): HalfSnapshot {
    const now = this.#clock.monotonic()
    return {
      limits: this.rate?.limits,
      tokens: this.rate && this.#bucket.tokens(now),
      peerLimits: this.peerRate?.limits,
      peerTokens: this.#forPeer(now)?.tokens(now),
      keys: this.#keyed?.size ?? 0,
      waiting: this.#room?.count ?? 0,
      waitingAmount: this.#room?.amount ?? 0n
    }
  }

  /** Undefined beside a limiter. */
  get rate(): Rate | undefined {
    return this.#config.limiter === undefined ? this.#bucket.rate : undefined
  }

  get peerRate(): Rate | undefined {
    return this.#peerBucket?.rate ?? this.#config.peerRate
  }

  setRates(rate: Rate | undefined, peerRate: Rate | undefined): void {
    const now = this.#clock.monotonic()
    if (rate !== undefined) {
      this.#bucket.setRate(rate, now)
      this.#keyed?.setRate(rate, now)
    }
    if (peerRate !== undefined) this.#forPeer(now)?.setRate(peerRate, now)
    this.#room?.look()
  }

  /** Answers all who wait. */
  cancel(): void {
    this.#room?.cancel()
  }

  #forPeer(now: number): TokenBucket | undefined {
    const { peerRate } = this.#config
    if (peerRate !== undefined) this.#peerBucket ??= new TokenBucket(peerRate, now)
    return this.#peerBucket
  }

  #forKey(key: string | undefined, now: number): TokenBucket {
    if (key === undefined) return this.#bucket
    this.#keyed ??= new KeyedBuckets(this.#config.maxKeys, this.#bucket)
    return this.#keyed.get(key, now)
  }

  // ----------------------------------------------------------------------------------------------------- a full half

  #wait(waiting: WaitingConfig, bucket: unknown, source: Source, data: Buffer, next: Next): Promise<Buffer> {
    const room = (this.#room ??= new WaitingRoom(waiting, this.#clock))
    const waitMs = room.waitMs(bucket, source)
    const amount = prepareAmount(data)
    const expiresAt = prepareExpiresAt(data) ?? Infinity
    const latest = Math.min(this.#clock.now() + waiting.maxWaitMs, expiresAt - waiting.marginMs)
    if (!room.admits(amount ?? 0n, latest, waitMs)) return this.#refuse(data, waitMs)
    // the host may use its Buffer again
    const copy = Buffer.from(data)
    return new Promise((resolve) => {
      room.enter(bucket, source, {
        amount: amount ?? 0n,
        latest,
        go: () => {
          resolve(next(copy))
        },
        refuse: (retryAfterMs) => {
          resolve(this.#refuse(copy, retryAfterMs))
        },
        cancel: () => {
          resolve(this.#cancelled(copy))
        }
      })
      if (!this.#setup.events.observed) return
      this.#setup.emit({ type: 'packet-queued', direction: 'outgoing', amount, waitMs, waiting: room.count })
    })
  }

  #refuse(data: Buffer, retryAfterMs: number): Promise<Buffer> {
    this.#tell(data, 'T05', retryAfterMs)
    if (prepareAmount(data) === undefined) {
      return Promise.reject(new RateLimitedError('Too many requests', retryAfterMs))
    }
    // the caller may write into it
    return Promise.resolve(Buffer.from(TOO_MANY))
  }

  /** T01: with the connection gone, the peer is out of reach, and no tokens would help. */
  #cancelled(data: Buffer): Promise<Buffer> {
    this.#tell(data, 'T01', undefined)
    const message = 'Disconnected while the packet was waiting'
    if (prepareAmount(data) === undefined) {
      return Promise.reject(
        Object.assign(new UnreachableError(message, { code: 'ILP_WRAP_NOT_SENT' }), { notSent: true })
      )
    }
    return Promise.resolve(reject({ code: 'T01', message }))
  }

  #tell(data: Buffer, code: string, retryAfterMs: number | undefined): void {
    if (!this.#setup.events.observed) return
    this.#setup.emit({
      type: 'packet-rejected',
      direction: this.#config.direction,
      code,
      amount: prepareAmount(data),
      destination: prepareDestination(data),
      ...(retryAfterMs !== undefined && { retryAfterMs })
    })
  }

  // ------------------------------------------------------------------------------------------------ somebody else's limit

  async #consult(config: LimiterConfig, data: Buffer, next: Next): Promise<Buffer> {
    const { direction, waiting } = this.#config
    const key = `${direction}:${this.#config.key?.(data, direction) ?? this.#setup.account ?? ''}`
    const consultant = (this.#consultant ??= new Consultant(config, this.#clock, (error, again) => {
      this.#onLimiterError(config, error, again)
    }))
    if (waiting !== undefined && this.#room?.isOccupied(key) === true) {
      return this.#wait(waiting, key, new LimiterSource(consultant, key, this.#clock, 0), data, next)
    }
    // the host may use its Buffer again
    const copy = Buffer.from(data)
    const waitMs = await consultant.ask(key)
    if (waitMs === 0) return next(copy)
    if (waiting === undefined) return this.#refuse(copy, waitMs)
    return this.#wait(waiting, key, new LimiterSource(consultant, key, this.#clock, waitMs), copy, next)
  }

  #onLimiterError({ onError }: LimiterConfig, error: unknown, again: boolean): void {
    const { direction } = this.#config
    if (!again) this.#setup.log.warn('The limiter of %s packets failed (%s them): %O', direction, onError, error)
    if (!this.#setup.events.observed) return
    this.#setup.emit({ type: 'limiter-failed', direction, error, decision: onError })
  }
}

class BucketSource implements Source {
  readonly #bucket: TokenBucket
  readonly #clock: Clock

  constructor(bucket: TokenBucket, clock: Clock) {
    this.#bucket = bucket
    this.#clock = clock
  }

  waitMs(count: number): number {
    return this.#bucket.waitMs(this.#clock.monotonic(), count)
  }

  take(): boolean {
    return this.#bucket.take(this.#clock.monotonic())
  }
}

/** A limiter says no more than when to ask again; that bounds the wait of all who stand in line from below. */
class LimiterSource implements Source {
  readonly #consultant: Consultant
  readonly #key: string
  readonly #clock: Clock
  #askAt: number

  constructor(consultant: Consultant, key: string, clock: Clock, waitMs: number) {
    this.#consultant = consultant
    this.#key = key
    this.#clock = clock
    this.#askAt = clock.monotonic() + waitMs
  }

  waitMs(): number {
    return Math.max(0, this.#askAt - this.#clock.monotonic())
  }

  async take(): Promise<boolean> {
    const waitMs = await this.#consultant.ask(this.#key)
    this.#askAt = this.#clock.monotonic() + waitMs
    return waitMs === 0
  }
}
