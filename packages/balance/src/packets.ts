import { Deadline, Deadlines, TimeoutError, errorOutcome } from '@ilp-wrap/core'
import type { Direction } from '@ilp-wrap/core'
import { isFulfill, prepareAmount, prepareExpiresAt, reject } from '@ilp-wrap/core/packet'
import { isPromise } from './account.js'
import type { Account } from './account.js'
import { Hold } from './hold.js'
import type { HoldOwner } from './hold.js'
import type { Awaitable, BalanceLedger, HoldDirection } from './ledger.js'

type Next = (data: Buffer) => Promise<Buffer>

/** A fulfill does not wait longer for the ledger: it is worth more than the books' being safe from a crash. */
const COMMIT_WAIT_MS = 1000

// The texts are those of ilp-connector, and name no amounts. T04: "the packet would exceed a limit", retried by senders
// (RFC 0027, "Error Codes"). T00 when the ledger fails: nothing has been sent, and later it may work.
const OVER = {
  in: reject({ code: 'T04', message: 'exceeded maximum balance.' }),
  out: reject({ code: 'T04', message: 'exceeded minimum balance.' })
}
const UNABLE = reject({ code: 'T00', message: 'internal error.' })

/**
 * What packets do to the books: a hold before each prepare goes on, a commit or a release after its answer, whichever
 * way it goes. With a ledger that answers at once, the answer itself is returned and only listened to.
 */
export class Packets implements HoldOwner {
  readonly #account: Account
  /** When holds end. They guard no promise, so that the process need not wait for them. */
  #expiries: Deadlines | undefined
  /** How long packets wait for a ledger; made for the first that does. */
  #waits: Deadlines | undefined

  constructor(account: Account) {
    this.#account = account
  }

  /** Ends the timers as soon as nothing is held any more. */
  close(): void {
    this.#expiries?.close()
    this.#waits?.close()
  }

  open(): void {
    this.#expiries?.open()
    this.#waits?.open()
  }

  /** Takes data towards the peer ('out') or the host ('in'). Zero amounts and what is no prepare touch nothing. */
  carry(direction: HoldDirection, data: Buffer, next: Next): Promise<Buffer> {
    const amount = prepareAmount(data)
    if (amount === undefined || amount === 0n) return next(data)
    const hold = new Hold(this, direction, amount, prepareExpiresAt(data) as number, data)
    let held: Awaitable<'held' | 'over-limit'>
    try {
      const ledger = this.#account.open()
      held = isPromise(ledger) ? this.#holdOnceOpen(ledger, hold) : this.#hold(ledger, hold)
    } catch (error) {
      this.#account.release(hold)
      return Promise.resolve(this.#unable(hold, error))
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
      return this.#unable(hold, error)
    }
    this.#expire(hold)
    let reply: Buffer
    try {
      reply = await next(data)
    } catch (error) {
      this.#threw(hold, error)
      throw error
    }
    const booking = this.#answered(hold, reply)
    if (booking !== undefined) {
      await this.#account.attempt('commit', hold.amount, () =>
        this.#within(booking, this.#account.clock.now() + COMMIT_WAIT_MS)
      )
    }
    return reply
  }

  // --------------------------------------------------------------------------------------------------------- the answer

  /** Lateness is judged here, once, by our clock. Gives a promise while a fulfill is not booked. */
  #answered(hold: Hold, reply: Buffer): Promise<void> | undefined {
    this.#expiries?.delete(hold)
    if (isFulfill(reply)) {
      if (this.#account.clock.now() < hold.at) return this.#fulfilled(hold)
      this.#tellLate(hold)
    }
    // a reject, or what is no answer to a prepare: either way the packet was not executed (RFC 0027, "Terminology")
    if (!hold.expired) this.#account.release(hold)
    return undefined
  }

  #fulfilled(hold: Hold): Promise<void> | undefined {
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
    this.#expiries ??= new Deadlines(this.#account.clock, { ref: false })
    this.#expiries.add(hold)
  }

  /** What `promise` gives, unless the time is `at` before; then it rejects. */
  #within<T>(promise: Promise<T>, at: number): Promise<T> {
    this.#waits ??= new Deadlines(this.#account.clock)
    const waits = this.#waits
    return new Promise((resolve, reject) => {
      const wait = new Wait(at, reject)
      waits.add(wait)
      promise
        .finally(() => {
          waits.delete(wait)
        })
        .then(resolve, reject)
    })
  }

  // -------------------------------------------------------------------------------------------------- rejects and events

  #refused(hold: Hold): Buffer {
    this.#tellRejected(hold, 'T04')
    return Buffer.from(OVER[hold.direction])
  }

  #unable(hold: Hold, error: unknown): Buffer {
    this.#account.failed('hold', error, hold.amount)
    this.#tellRejected(hold, 'T00')
    return Buffer.from(UNABLE)
  }

  #tellRejected(hold: Hold, code: string): void {
    if (!this.#account.observed) return
    const { amount, destination } = hold
    this.#account.emit({ type: 'packet-rejected', direction: directionOf(hold), code, amount, destination })
  }

  #tellLate(hold: Hold): void {
    if (!this.#account.observed) return
    const { amount, destination, at } = hold
    this.#account.emit({ type: 'late-fulfill', direction: directionOf(hold), amount, destination, expiresAt: at })
  }

  #tellEnded(type: 'hold-expired' | 'hold-recovered', hold: Hold): void {
    if (!this.#account.observed) return
    const { amount, destination, at } = hold
    this.#account.emit({ type, direction: directionOf(hold), amount, destination, expiresAt: at })
  }
}

function directionOf(hold: Hold): Direction {
  return hold.direction === 'in' ? 'incoming' : 'outgoing'
}

class Wait extends Deadline {
  readonly #end: (error: Error) => void

  constructor(at: number, end: (error: Error) => void) {
    super(at)
    this.#end = end
  }

  override expire(): void {
    this.#end(new TimeoutError('The ledger took too long', { ilpErrorCode: 'T00', code: 'ILP_WRAP_LEDGER_TIMEOUT' }))
  }
}
