import { randomUUID } from 'node:crypto'
import { Deadline, InvalidFieldsError, MoneyNotSentError, TimeoutError } from '@ilp-wrap/core'
import type { TransferV1 } from '@ilp-wrap/core'
import type { Parts } from './parts.js'
import { refusalOf } from './refusals.js'
import { isAmount } from './transfers.js'

/** A payment that has been sent and is not known to have gone through. */
class Payment extends Deadline {
  readonly id: string
  /** Resolves once the money has moved. */
  readonly sent: Promise<void>
  readonly #payments: Payments
  #resolve!: () => void
  #reject!: (error: unknown) => void

  constructor(payments: Payments, id: string, at: number) {
    super(at)
    this.#payments = payments
    this.id = id
    this.sent = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  done(): void {
    this.#payments.forget(this)
    this.#resolve()
  }

  fail(error: unknown): void {
    this.#payments.forget(this)
    this.#reject(error)
  }

  expire(): void {
    const code = 'ILP_WRAP_MONEY_UNCONFIRMED'
    this.fail(new TimeoutError('The plugin did not say whether the money was sent', { code }))
  }
}

/**
 * Outgoing money as unconditional transfers. The plugin's promise says no more than that the ledger was asked (RFC 0004,
 * "sendTransfer"); it is done when `outgoing_transfer` comes, for plugins that have it.
 */
export class Payments {
  readonly #parts: Parts
  readonly #timeoutMs: number
  readonly #open = new Map<string, Payment>()
  /** Whether the plugin has ever told that money was sent: one that does will do so again. */
  #tells = false

  constructor(parts: Parts, timeoutMs: number) {
    this.#parts = parts
    this.#timeoutMs = timeoutMs
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
    const payment = new Payment(this, randomUUID(), clock.now() + this.#timeoutMs)
    this.#open.set(payment.id, payment)
    deadlines.add(payment)
    // neither condition nor expiry, not even an empty one (RFC 0004, "Class: Transfer")
    void this.#submit(payment, { id: payment.id, amount, ledger: ledger.prefix, from: ledger.account, to })
    return payment.sent
  }

  async #submit(payment: Payment, transfer: TransferV1): Promise<void> {
    try {
      await this.#parts.plugin.sendTransfer(transfer)
      if (!this.#tells) payment.done()
    } catch (error) {
      const refusal = refusalOf(error, false)
      payment.fail(refusal === undefined ? error : new MoneyNotSentError(refusal.message, { cause: error }))
    }
  }

  /** `outgoing_transfer` */
  transferred(transfer: Partial<TransferV1> | undefined): void {
    this.#tells = true
    this.#open.get(transfer?.id ?? '')?.done()
  }

  /** `outgoing_reject` or `outgoing_cancel`; false if it is none of these transfers. */
  refused(transfer: Partial<TransferV1> | undefined, reason: unknown): boolean {
    const payment = this.#open.get(transfer?.id ?? '')
    if (payment === undefined) return false
    payment.fail(new MoneyNotSentError('The ledger has rejected the transfer', { cause: reason }))
    return true
  }

  forget(payment: Payment): void {
    this.#open.delete(payment.id)
    this.#parts.deadlines.delete(payment)
    this.#parts.closed()
  }
}
