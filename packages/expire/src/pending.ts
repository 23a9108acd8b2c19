import { Deadline, TimeoutError } from '@ilp-wrap/core'
import type { Direction, Setup } from '@ilp-wrap/core'
import { isFulfill, isReject, prepareAmount, prepareDestination, prepareExpiresAt, reject } from '@ilp-wrap/core/packet'
import type { LateAnswer } from './events.js'

/** What those who wait have in common: one direction of one plugin. */
export interface Watch {
  readonly setup: Setup
  readonly direction: Direction
  /** Milliseconds that data which is no prepare may wait. */
  readonly timeoutMs: number
  /** It no longer waits. */
  delete(pending: Pending): void
}

type Resolve = (reply: Buffer) => void
type Reject = (error: unknown) => void

let newResolve: Resolve
let newReject: Reject

/** One function for all promises: they are made one at a time, and who makes one picks these up at once. */
function capture(resolve: Resolve, reject: Reject): void {
  newResolve = resolve
  newReject = reject
}

/** An answer that is awaited until `at`: the place among the deadlines, and the caller's promise. */
export abstract class Pending extends Deadline {
  readonly promise: Promise<Buffer>
  protected readonly watch: Watch
  protected readonly resolve: Resolve
  protected readonly reject: Reject
  protected hasExpired = false

  constructor(at: number, watch: Watch) {
    super(at)
    this.watch = watch
    this.promise = new Promise(capture)
    this.resolve = newResolve
    this.reject = newReject
  }

  abstract answered(reply: Buffer): void

  failed(error: unknown): void {
    if (this.hasExpired) {
      this.tellLate('error')
      return
    }
    this.watch.delete(this)
    this.reject(error)
  }

  protected tellLate(answer: LateAnswer['answer']): void {
    const { setup, direction } = this.watch
    if (setup.events.observed) setup.emit({ type: 'late-answer', direction, answer })
  }
}

/** RFC 0027, "Error Codes", R00: "the next party in the chain did not respond". */
const TIMED_OUT = reject({ code: 'R00', message: 'The packet expired before an answer came' })

/** Whom nobody asks anything. */
const NOBODY = {} as Watch

export class PendingPrepare extends Pending {
  /**
   * One stays for ever: when the collector of garbage meets none, V8 forgets what they look like, and throws away the
   * code that it has optimized for them. Packets cost several times as much until that is compiled anew.
   */
  static readonly eternal: PendingPrepare = new PendingPrepare(Infinity, NOBODY, Buffer.alloc(0))
  /** The packet, until it expires: it may be large, and its answer never come. */
  #packet: Buffer | undefined
  readonly #amount: bigint
  #destination = ''

  constructor(expiresAt: number, watch: Watch, packet: Buffer) {
    super(expiresAt, watch)
    this.#packet = packet
    // now, since the host may use its Buffer again
    this.#amount = prepareAmount(packet) ?? 0n
  }

  override expire(): void {
    this.hasExpired = true
    const packet = this.#packet as Buffer
    this.#packet = undefined
    if (this.#isStill(packet)) this.#destination = prepareDestination(packet) as string
    // the caller may write into it
    this.resolve(Buffer.from(TIMED_OUT))
    const { setup, direction } = this.watch
    if (!setup.events.observed) return
    setup.emit({ type: 'packet-expired', direction, code: 'R00', ...this.#facts })
  }

  override answered(reply: Buffer): void {
    if (!this.hasExpired) {
      this.watch.delete(this)
      // who looks at the clock first decides, the timer or this (RFC 0027, "Terminology": before the expiry)
      if (!isFulfill(reply) || this.watch.setup.clock.now() < this.at) {
        this.resolve(reply)
        return
      }
      this.expire()
    }
    if (!isFulfill(reply)) {
      this.tellLate(isReject(reply) ? 'reject' : 'other')
      return
    }
    const { setup, direction } = this.watch
    if (setup.events.observed) setup.emit({ type: 'late-fulfill', direction, ...this.#facts })
  }

  /** Whether it is what was sent. A string for each packet would be dear, so that its destination is read in the end. */
  #isStill(packet: Buffer): boolean {
    return prepareAmount(packet) === this.#amount && prepareExpiresAt(packet) === this.at
  }

  get #facts(): { amount: bigint; destination: string; expiresAt: number } {
    return { amount: this.#amount, destination: this.#destination, expiresAt: this.at }
  }
}

export class PendingRequest extends Pending {
  override expire(): void {
    this.hasExpired = true
    const { setup, direction, timeoutMs } = this.watch
    this.reject(new TimeoutError(`No answer within ${timeoutMs} ms`, { code: 'ILP_WRAP_TIMEOUT' }))
    if (setup.events.observed) setup.emit({ type: 'request-timed-out', direction, timeoutMs })
  }

  override answered(reply: Buffer): void {
    if (this.hasExpired) {
      this.tellLate('other')
      return
    }
    this.watch.delete(this)
    this.resolve(reply)
  }
}
