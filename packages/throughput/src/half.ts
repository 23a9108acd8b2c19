import type { Direction, Setup } from '@ilp-wrap/core'
import { amountTooLargeData, prepareAmount, prepareDestination, reject } from '@ilp-wrap/core/packet'
import { AmountBucket } from './bucket.js'
import type { Rate } from './bucket.js'
import { refundUnlessFulfilled } from './refund.js'

/** What `throughputOf(plugin)?.snapshot()` tells of one direction. Base units, and milliseconds. */
export interface HalfSnapshot {
  readonly amount: bigint
  readonly refillMs: number
  readonly burst: bigint
  /** What may pass at this moment. */
  readonly available: bigint
}

/** T04: "the packet would exceed a limit" now, and may pass later (RFC 0027, "Error Codes"). */
const OVER = reject({ code: 'T04', message: 'exceeded money bandwidth, throttling.' })

/** The limit of one plugin in one direction. */
export class Half {
  readonly #direction: Direction
  readonly #setup: Setup
  readonly #bucket: AmountBucket

  constructor(direction: Direction, rate: Rate, setup: Setup) {
    this.#direction = direction
    this.#setup = setup
    this.#bucket = new AmountBucket(rate, setup.clock.monotonic())
  }

  pass(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
    const amount = prepareAmount(data)
    if (amount === undefined || amount === 0n) return next(data)
    const now = this.#setup.clock.monotonic()
    if (!this.#bucket.take(amount, now)) return Promise.resolve(this.#refuse(data, amount, now))
    const answer = next(data)
    refundUnlessFulfilled(answer, this.#bucket, amount, this.#direction)
    return answer
  }

  snapshot(): HalfSnapshot {
    const { amount, refillMs, burst } = this.rate
    return { amount, refillMs, burst, available: this.#bucket.available(this.#setup.clock.monotonic()) }
  }

  get rate(): Rate {
    return this.#bucket.rate
  }

  set rate(rate: Rate) {
    this.#bucket.setRate(rate, this.#setup.clock.monotonic())
  }

  #refuse(data: Buffer, amount: bigint, now: number): Buffer {
    const { burst } = this.rate
    if (amount <= burst) {
      this.#tell(data, amount, 'T04', this.#bucket.waitMs(amount, now))
      return Buffer.from(OVER)
    }
    // F08: it never passes, and after T04 a sender would try it for ever. From the data it learns what may pass.
    this.#tell(data, amount, 'F08', undefined)
    const message = `packet size too large. maxAmount=${burst} actualAmount=${amount}`
    return reject({ code: 'F08', message, data: amountTooLargeData(amount, burst) })
  }

  #tell(data: Buffer, amount: bigint, code: string, retryAfterMs: number | undefined): void {
    if (!this.#setup.events.observed) return
    this.#setup.emit({
      type: 'packet-rejected',
      direction: this.#direction,
      code,
      amount,
      destination: prepareDestination(data),
      ...(retryAfterMs !== undefined && { retryAfterMs })
    })
  }
}
