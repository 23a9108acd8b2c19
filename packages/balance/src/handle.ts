import { handleOf } from '@ilp-wrap/core'
import { amount, badOption, choice, string } from '@ilp-wrap/core/options'
import type { Amount } from '@ilp-wrap/core/options'
import type { Observable } from 'rxjs'
import type { Account } from './account.js'
import { isPromise } from './awaitable.js'
import { noBalance } from './errors.js'
import type { Awaitable, LedgerSnapshot, Limits, Outstanding, SuspendedMoney } from './ledger.js'
import { parseLimits } from './options.js'
import type { LimitOptions } from './options.js'
import type { Payments } from './payments.js'
import type { SettlementRule } from './settlement.js'

/** The books of one plugin at one moment. */
export interface BalanceSnapshot extends LedgerSnapshot {
  readonly limits: Limits
}

/** What `balanceOf(plugin)` gives. */
export interface BalanceHandle {
  /** With a ledger in memory at once. Rejects when the ledger fails. */
  snapshot(): Awaitable<BalanceSnapshot>
  /** What is not settled yet, packet by packet. With a ledger in memory at once, and nothing. */
  outstanding(): Awaitable<Outstanding>
  /** What is committed: the present balance first, then each change. */
  readonly balance$: Observable<bigint>
  /** Corrects the balance by `amount` (either sign), once per `id`; never checked against the limits. */
  adjust(amount: Amount, id: string): Promise<void>
  /**
   * Pays up to `settleTo` now, whatever the threshold, after a payment that is under way. Gives what was paid, zero when
   * nothing was due. Rejects with what the payment threw, or with a PluginError: while the outcome of a payment is unknown
   * (`ILP_WRAP_SETTLEMENT_SUSPENDED`), or other money is on its way (`ILP_WRAP_SETTLEMENT_BUSY`).
   */
  settle(): Promise<bigint>
  /**
   * Says what became of suspended payments: of the one that `settlement-suspended` named, or of all. `not-sent` takes
   * them out of the balance again. An `id` may name an unconfirmed commit, too: whether its fulfill was passed on;
   * `not-sent` takes an incoming one out of the balance again, an outgoing one is owed all the same. Gives what was
   * resolved.
   */
  resolve(outcome: 'sent' | 'not-sent', id?: string): Promise<readonly SuspendedMoney[]>
  /** Changes the limits from the next packet on. Throws InvalidFieldsError when settlement could not work with them. */
  setLimits(limits: LimitOptions): void
}

/** The controls of a plugin's `balance()`; throws InvalidFieldsError when it has none. */
export function balanceOf(plugin: object): BalanceHandle {
  const handle = handleOf(plugin, 'balance')
  if (handle instanceof Controls) return handle
  throw noBalance()
}

export class Controls implements BalanceHandle {
  readonly #account: Account
  readonly #payments: Payments
  readonly #rule: SettlementRule

  constructor(account: Account, payments: Payments, rule: SettlementRule) {
    this.#account = account
    this.#payments = payments
    this.#rule = rule
  }

  snapshot(): Awaitable<BalanceSnapshot> {
    const ledger = this.#account.open()
    if (isPromise(ledger)) return ledger.then(() => this.snapshot())
    const snapshot = ledger.snapshot()
    return isPromise(snapshot) ? snapshot.then((shown) => this.#withLimits(shown)) : this.#withLimits(snapshot)
  }

  #withLimits(snapshot: LedgerSnapshot): BalanceSnapshot {
    return { ...snapshot, limits: this.#account.limits }
  }

  outstanding(): Awaitable<Outstanding> {
    const ledger = this.#account.open()
    return isPromise(ledger) ? ledger.then((opened) => opened.outstanding()) : ledger.outstanding()
  }

  get balance$(): Observable<bigint> {
    return this.#account.balance$
  }

  async adjust(delta: Amount, id: string): Promise<void> {
    if (string('id', id) === '') badOption('id', 'a name that no other adjustment has', id)
    await this.#payments.adjust(amount('amount', delta), id)
  }

  settle(): Promise<bigint> {
    return this.#payments.settle()
  }

  async resolve(outcome: 'sent' | 'not-sent', id?: string): Promise<readonly SuspendedMoney[]> {
    return this.#payments.resolve(choice('outcome', outcome, ['sent', 'not-sent']), id)
  }

  setLimits(limits: LimitOptions): void {
    this.#account.limits = parseLimits(limits, this.#account.limits, this.#rule)
    if (this.#account.observed) this.#account.emit({ type: 'limits-changed', ...this.#account.limits })
  }
}
