import type { Deadlines, Direction, Setup } from '@ilp-wrap/core'
import { prepareAmount, prepareDestination, reject } from '@ilp-wrap/core/packet'
import { PendingPrepare, PendingRequest } from './pending.js'
import type { Pending, Watch } from './pending.js'
import { race } from './race.js'

type Next = (data: Buffer) => Promise<Buffer>

/**
 * R00 for what comes too late, R02 for what would: the sender may try again with more time (RFC 0027, "Error Codes").
 */
const REJECTS: Readonly<Record<'R00' | 'R02', Buffer>> = {
  R00: reject({ code: 'R00', message: 'The packet had expired' }),
  R02: reject({ code: 'R02', message: 'Too little time was left until the expiry' })
}

/** One direction of one plugin. */
export class Side implements Watch {
  readonly setup: Setup
  readonly direction: Direction
  readonly timeoutMs: number
  readonly #deadlines: Deadlines

  constructor(direction: Direction, timeoutMs: number, setup: Setup, deadlines: Deadlines) {
    this.direction = direction
    this.timeoutMs = timeoutMs
    this.setup = setup
    this.#deadlines = deadlines
  }

  /** Sends `prepare` on, and sees to it that there is an answer by `expiresAt`, its expiry. */
  send(prepare: Buffer, expiresAt: number, next: Next): Promise<Buffer> {
    const pending = new PendingPrepare(expiresAt, this, prepare)
    return this.#await(next(prepare), pending)
  }

  /** The same for data that is no prepare. */
  request(data: Buffer, next: Next): Promise<Buffer> {
    if (this.timeoutMs === Infinity) return next(data)
    return this.#await(next(data), new PendingRequest(this.setup.clock.now() + this.timeoutMs, this))
  }

  refuse(code: keyof typeof REJECTS, prepare: Buffer): Promise<Buffer> {
    if (this.setup.events.observed) {
      const amount = prepareAmount(prepare)
      const destination = prepareDestination(prepare)
      this.setup.emit({ type: 'packet-rejected', direction: this.direction, code, amount, destination })
    }
    // the caller may write into it
    return Promise.resolve(Buffer.from(REJECTS[code]))
  }

  delete(pending: Pending): void {
    this.#deadlines.delete(pending)
  }

  #await(answer: Promise<Buffer>, pending: Pending): Promise<Buffer> {
    this.#deadlines.add(pending)
    race(answer, pending)
    return pending.promise
  }
}
