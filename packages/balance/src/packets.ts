import { Deadline, Deadlines, errorOutcome } from '@ilp-wrap/core'
import { isFulfill, prepareAmount, prepareExpiresAt, reject } from '@ilp-wrap/core/packet'
import { isPassing } from './account.js'
import type { Account } from './account.js'
import { isPromise } from './awaitable.js'
import { Confirmations } from './confirmations.js'
import { ledgerTimeout } from './errors.js'
import type { Booked } from './events.js'
import { Expiries } from './expiries.js'
import { Hold, wayOf } from './hold.js'
import type { HoldOwner } from './hold.js'
import type { Awaitable, BalanceLedger, HoldDirection } from './ledger.js'

type Next = (data: Buffer) => Promise<Buffer>

// The texts are those of ilp-connector, and name no amounts. T04: "the packet would exceed a limit", retried by senders
// (RFC 0027, "Error Codes"). T00 when the ledger fails: nothing has been sent, and later it may work. R00 for a prepare
// that has expired, which no fulfill can meet any more, and for a fulfill that could not reach the peer in time: what the
// peer would answer itself.
const OVER = {
  in: reject({ code: 'T04', message: 'exceeded maximum balance.' }),
  out: reject({ code: 'T04', message: 'exceeded minimum balance.' })
}
const UNABLE = reject({ code: 'T00', message: 'internal error.' })
const EXPIRED = reject({ code: 'R00', message: 'packet expired.' })

/**
 * What packets do to the books: a hold before each prepare goes on, a commit or a release after its answer, whichever
 * way it goes. With a ledger that answers at once, the answer itself is returned and only listened to.
 */
export class Packets implements HoldOwner {
  readonly #account: Account
  /** When holds end; known since the first. */
  #expiries: Expiries | undefined
  /** The same, until the plugin is disconnected. */
  #joined: Expiries | undefined
  /** How long packets wait for a ledger; made for the first that does. */
  #waits: Deadlines | undefined
  /** Made for the first fulfill that waited for its commit. */
  #confirmations: Confirmations | undefined
  /** Whether the last confirmation has failed, and is repeated. */
  #confirmFails = false

  constructor(account: Account) {
    this.#account = account
  }

  /** Ends the timers as soon as nothing is held any more. */
  close(): void {
    this.#joined?.leave()
    this.#joined = undefined
    this.#waits?.close()
  }

  open(): void {
    this.#waits?.open()
  }

  /** Takes data towards the peer ('out') or the host ('in'). Zero amounts and what is no prepare touch nothing. */
  carry(direction: HoldDirection, data: Buffer, next: Next): Promise<Buffer> {
    const amount = prepareAmount(data)
    if (amount === undefined || amount === 0n) return next(data)
    const hold = new Hold(this, direction, amount, prepareExpiresAt(data) as number, data)
    if (this.#account.clock.now() >= hold.at) return Promise.resolve(this.#hasExpired(hold))
    if (this.#account.behind > 0) return Promise.resolve(this.#unable(hold))
    let held: Awaitable<'held' | 'over-limit'>
    try {
      const ledger = this.#account.open()
      held = isPromise(ledger) ? this.#holdOnceOpen(ledger, hold) : this.#hold(ledger, hold)
    } catch (error) {
      this.#account.release(hold)
      return Promise.resolve(this.#failedToHold(hold, error))
    }
    if (held === 'held') return this.#follow(hold, next(data))
    return held === 'over-limit' ? Promise.resolve(this.#refused(hold)) : this.#carryLater(hold, held, data, next)
  }

  #hold(ledger: BalanceLedger, hold: Hold): Awaitable<'held' | 'over-limit'> {
    return ledger.hold(hold, hold.direction, hold.amount, hold.at, this.#account.limits)
  }

  async #holdOnceOpen(opening: Promise<BalanceLedger>, hold: Hold): Promise<'held' | 'over-limit'> {
    return this.#hold(await opening, hold)
  }

  #follow(hold: Hold, answer: Promise<Buffer>): Promise<Buffer> {
    this.#expire(hold)
    answer.then(
      (reply) => {
        void this.#answered(hold, reply)
      },
      (error: unknown) => {
        this.#threw(hold, error)
      }
    )
    return answer
  }

  /** With a ledger that takes time: the packet waits for its hold, and a fulfill for its commit. */
  async #carryLater(hold: Hold, holding: Promise<'held' | 'over-limit'>, data: Buffer, next: Next): Promise<Buffer> {
    try {
      if ((await this.#within(holding, hold.at)) === 'over-limit') return this.#refused(hold)
    } catch (error) {
      // it may be held all the same, or be so later
      const release = (): void => {
        this.#account.release(hold)
      }
      holding.then(release, release)
      return this.#failedToHold(hold, error)
    }
    this.#expire(hold)
    let reply: Buffer
    try {
      reply = await next(data)
    } catch (error) {
      this.#threw(hold, error)
      throw error
    }
    if (hold.direction === 'in' && isFulfill(reply) && this.#account.clock.now() > this.#passOnBy(hold)) {
      return this.#tooLate(hold)
    }
    const booking = this.#answered(hold, reply)
    if (booking !== undefined) await this.#committed(hold, booking)
    return reply
  }

  /** Settles when a fulfill is to be passed on: once it is booked, or else when its time runs out. */
  #committed(hold: Hold, booking: Promise<boolean>): Promise<void> {
    return this.#within(booking, this.#passOnBy(hold)).then(
      (booked) => {
        this.#confirmLater(hold, booked)
      },
      () => {
        this.#defer(hold, booking)
      }
    )
  }

  /** The last moment to pass a fulfill on, so that it can be in time at the other end. */
  #passOnBy(hold: Hold): number {
    return hold.at - this.#account.commitMarginMs
  }

  #defer(hold: Hold, booking: Promise<boolean>): void {
    const account = this.#account
    account.behind++
    void booking.then((booked) => {
      account.behind--
      this.#confirmLater(hold, booked)
    })
    if (!account.observed) return
    const { destination } = hold
    account.emit({ type: 'commit-deferred', ...bookedOf(hold), destination })
  }

  #confirmLater(hold: Hold, booked: boolean): void {
    if (!booked) return
    const confirmations = (this.#confirmations ??= new Confirmations(this.#account.clock, (holds) => {
      void this.#confirm(confirmations, holds)
    }))
    hold.forgetPacket()
    confirmations.add(hold)
  }

  /** Nobody waits for it, and prepares go on: what is not confirmed is listed after a crash, and was booked all the same. */
  async #confirm(confirmations: Confirmations, holds: readonly Hold[]): Promise<void> {
    try {
      await this.#account.ledger.confirm(holds)
      this.#confirmFails = false
    } catch (error) {
      const repeated = isPassing(error) && confirmations.again(holds)
      // told once, however often it is repeated
      if (!repeated || !this.#confirmFails) this.#account.failed('confirm', error, undefined, repeated)
      this.#confirmFails = repeated
    }
  }

  // --------------------------------------------------------------------------------------------------------- the answer

  /** Lateness is judged here, once, by our clock. Gives a promise while a fulfill is not booked. */
  #answered(hold: Hold, reply: Buffer): Promise<boolean> | undefined {
    this.#expiries?.delete(hold)
    if (isFulfill(reply)) {
      if (this.#account.clock.now() < hold.at) return this.#fulfilled(hold)
      this.#tellLate(hold)
    }
    // a reject, or what is no answer to a prepare: either way the packet was not executed (RFC 0027, "Terminology")
    if (!hold.expired) this.#account.release(hold)
    return undefined
  }

  #fulfilled(hold: Hold): Promise<boolean> | undefined {
    if (hold.expired) this.#tellEnded('hold-recovered', hold)
    return this.#account.commit(hold)
  }

  /**
   * What the host throws, the plugin answers with an error. What the plugin throws may leave the packet with the peer,
   * who may still fulfill it in time: such a hold lasts until it expires.
   */
  #threw(hold: Hold, error: unknown): void {
    if (hold.expired) return
    if (hold.direction === 'out' && errorOutcome(error) === 'ambiguous') {
      hold.letGoOfPacket()
      return
    }
    this.#expiries?.delete(hold)
    this.#account.release(hold)
  }

  expired(hold: Hold): void {
    this.#account.release(hold)
    this.#tellEnded('hold-expired', hold)
    hold.letGoOfPacket()
  }

  #expire(hold: Hold): void {
    if (this.#joined === undefined) {
      this.#joined = this.#expiries = Expiries.of(this.#account.clock)
      this.#joined.join()
    }
    this.#joined.add(hold)
  }

  /** What `promise` gives, unless the time is `at` before; then it rejects. */
  #within<T>(promise: Promise<T>, at: number): Promise<T> {
    const waits = (this.#waits ??= new Deadlines(this.#account.clock))
    return new Promise((resolve, reject) => {
      const wait = new Wait(at, waits, resolve, reject)
      waits.add(wait)
      promise.then(wait.done, wait.failed)
    })
  }

  // -------------------------------------------------------------------------------------------------- rejects and events

  #refused(hold: Hold): Buffer {
    this.#tellRejected(hold, 'T04')
    return Buffer.from(OVER[hold.direction])
  }

  #hasExpired(hold: Hold): Buffer {
    this.#tellRejected(hold, 'R00')
    return Buffer.from(EXPIRED)
  }

  #failedToHold(hold: Hold, error: unknown): Buffer {
    this.#account.failed('hold', error, hold.amount)
    return this.#unable(hold)
  }

  #unable(hold: Hold): Buffer {
    this.#tellRejected(hold, 'T00')
    return Buffer.from(UNABLE)
  }

  /** The host's fulfill, which might be worth nothing where it would arrive. */
  #tooLate(hold: Hold): Buffer {
    this.#expiries?.delete(hold)
    this.#tellLate(hold)
    this.#tellRejected(hold, 'R00')
    if (!hold.expired) this.#account.release(hold)
    return Buffer.from(EXPIRED)
  }

  #tellRejected(hold: Hold, code: string): void {
    if (!this.#account.observed) return
    const { direction, amount, destination } = hold
    this.#account.emit({ type: 'packet-rejected', direction: wayOf(direction), code, amount, destination })
  }

  #tellLate(hold: Hold): void {
    if (!this.#account.observed) return
    const { direction, amount, destination, at } = hold
    this.#account.emit({ type: 'late-fulfill', direction: wayOf(direction), amount, destination, expiresAt: at })
  }

  #tellEnded(type: 'hold-expired' | 'hold-recovered', hold: Hold): void {
    if (!this.#account.observed) return
    const { destination } = hold
    this.#account.emit({ type, ...bookedOf(hold), destination })
  }
}

function bookedOf(hold: Hold): Booked {
  const { direction, amount, at } = hold
  return { id: String(hold), direction: wayOf(direction), amount, expiresAt: at }
}

class Wait<T> extends Deadline {
  readonly done: (value: T) => void
  readonly failed: (error: unknown) => void
  readonly #fail: (error: unknown) => void

  constructor(at: number, waits: Deadlines, resolve: (value: T) => void, reject: (error: unknown) => void) {
    super(at)
    this.#fail = reject
    this.done = (value) => {
      waits.delete(this)
      resolve(value)
    }
    this.failed = (error) => {
      waits.delete(this)
      reject(error)
    }
  }

  override expire(): void {
    this.#fail(ledgerTimeout())
  }
}
