import { randomUUID } from 'node:crypto'
import { Deadline, InvalidFieldsError, MoneyNotSentError, TimeoutError } from '@ilp-wrap/core'
import type { TransferV1 } from '@ilp-wrap/core'
import { LRUCache } from 'lru-cache'
import type { Parts } from './parts.js'
import { refusalOf } from './refusals.js'
import { isAmount } from './transfers.js'

/** What is remembered of a payment that has ended. */
interface Settled {
  readonly amount: string
  /** Whether the money has moved, as far as is known; undefined if it is not. */
  readonly sent: boolean | undefined
}

/** A payment that has been sent and is not known to have gone through. */
class Payment extends Deadline {
  readonly id: string
  readonly amount: string
  /** Resolves once the money has moved. */
  readonly sent: Promise<void>
  readonly #payments: Payments
  #resolve!: () => void
  #reject!: (error: unknown) => void

  constructor(payments: Payments, id: string, amount: string, at: number) {
    super(at)
    this.#payments = payments
    this.id = id
    this.amount = amount
    this.sent = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  done(): void {
    this.#payments.settled(this, true)
    this.#resolve()
  }

  /** `sent`: false if it certainly was not. */
  fail(error: unknown, sent: false | undefined): void {
    this.#payments.settled(this, sent)
    this.#reject(error)
  }

  expire(): void {
    const code = 'ILP_WRAP_MONEY_UNCONFIRMED'
    this.fail(new TimeoutError('The plugin did not say whether the money was sent', { code }), undefined)
  }
}

/**
 * Outgoing money as unconditional transfers. The plugin's promise says no more than that the ledger was asked (RFC 0004,
 * "sendTransfer"); it is done when `outgoing_transfer` comes, for plugins that have it.
 */
export class Payments {
  readonly #parts: Parts
  readonly #timeoutMs: number
  readonly #remember: number
  readonly #open = new Map<string, Payment>()
  /** What has ended, so that news of it is known for what it is. It takes its memory at once: made when needed. */
  #settled: LRUCache<string, Settled> | undefined
  /** Whether the plugin has ever told that money was sent: one that does will do so again. */
  #tells = false

  constructor(parts: Parts, timeoutMs: number, remember: number) {
    this.#parts = parts
    this.#timeoutMs = timeoutMs
    this.#remember = remember
  }

  /** How many are not known to have gone through. */
  get size(): number {
    return this.#open.size
  }

  send(amount: string): Promise<void> {
    const { ledger, clock, deadlines } = this.#parts
    if (!isAmount(amount)) {
      const text = 'Expected `amount` to be a string of decimal digits'
      return Promise.reject(new InvalidFieldsError(text, { code: 'ILP_WRAP_INVALID_AMOUNT' }))
    }
    const to = ledger.recipientOf()
    if (to === undefined) return Promise.reject(new MoneyNotSentError('There is no account on the ledger to pay'))
    const payment = new Payment(this, randomUUID(), amount, clock.now() + this.#timeoutMs)
    this.#open.set(payment.id, payment)
    deadlines.add(payment)
    // neither condition nor expiry, not even an empty one (RFC 0004, "Class: Transfer")
    void this.#submit(payment, { id: payment.id, amount, ledger: ledger.prefix, from: ledger.account, to })
    return payment.sent
  }

  async #submit(payment: Payment, transfer: TransferV1): Promise<void> {
    try {
      await this.#parts.plugin.sendTransfer(transfer)
    } catch (error) {
      this.#failed(payment, error)
      return
    }
    if (this.#tells) return
    if (this.#isOpen(payment)) payment.done()
    else this.#learned(payment.id, true)
  }

  #failed(payment: Payment, error: unknown): void {
    const refusal = refusalOf(error, false)
    if (this.#isOpen(payment)) {
      if (refusal === undefined) payment.fail(error, undefined)
      else payment.fail(new MoneyNotSentError(refusal.message, { cause: error }), false)
      return
    }
    if (refusal !== undefined) this.#learned(payment.id, false)
  }

  #isOpen(payment: Payment): boolean {
    return this.#open.has(payment.id)
  }

  /** What the plugin's call says after the end counts only where nothing is known. */
  #learned(id: string, sent: boolean): void {
    const settled = this.#settled?.get(id)
    if (settled !== undefined && settled.sent === undefined) this.#late(id, settled, sent)
  }

  /** `outgoing_transfer` */
  transferred(transfer: Partial<TransferV1> | undefined): void {
    this.#tells = true
    const id = transfer?.id ?? ''
    const payment = this.#open.get(id)
    if (payment !== undefined) {
      payment.done()
      return
    }
    const settled = this.#settled?.get(id)
    if (settled !== undefined) this.#late(id, settled, true)
  }

  /** `outgoing_reject` or `outgoing_cancel`; false if it is none of these transfers. */
  refused(transfer: Partial<TransferV1> | undefined, reason: unknown): boolean {
    const id = transfer?.id ?? ''
    const payment = this.#open.get(id)
    if (payment !== undefined) {
      payment.fail(new MoneyNotSentError('The ledger has rejected the transfer', { cause: reason }), false)
      return true
    }
    const settled = this.#settled?.get(id)
    if (settled === undefined) return false
    this.#late(id, settled, false)
    return true
  }

  /** The host has had its answer; what it does not say is told by an event. */
  #late(id: string, { amount, sent: before }: Settled, sent: boolean): void {
    if (before === sent) return
    this.#settled?.set(id, { amount, sent })
    this.#parts.emit({ type: 'money-outcome-late', transferId: id, amount: BigInt(amount), sent })
    this.#parts.log.warn('money %s was %s after the host had its answer', id, sent ? 'sent' : 'rejected')
  }

  settled(payment: Payment, sent: boolean | undefined): void {
    const { id, amount } = payment
    this.#settled ??= new LRUCache({ max: this.#remember })
    this.#settled.set(id, { amount, sent })
    this.#open.delete(id)
    this.#parts.deadlines.delete(payment)
    this.#parts.closed()
  }
}
