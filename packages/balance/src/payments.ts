import { InvalidFieldsError, errorOutcome } from '@ilp-wrap/core'
import type { Setup } from '@ilp-wrap/core'
import type { Subscription } from 'rxjs'
import { messageOf } from './account.js'
import type { Account } from './account.js'
import { isPromise } from './awaitable.js'
import { ledgerFailed, settlementBusy, settlementSuspended } from './errors.js'
import type { MoneyUnbooked } from './events.js'
import { wayOf } from './hold.js'
import { uniqueId } from './ids.js'
import type { BalanceLedger, SettlementTerms, SuspendedMoney } from './ledger.js'
import type { Rules } from './options.js'
import { settlements } from './settlement.js'
import type { Look, SettlementRule } from './settlement.js'

type Next = (amount: string) => Promise<void>

/** One for all plugins. */
const DONE: Promise<unknown> = Promise.resolve()

interface Settled {
  readonly found: Look
  readonly amount: bigint
  /** What the payment threw. */
  readonly error: unknown
}

/**
 * What money does to the books, and settlement. Outgoing money is booked before it is sent, so that nothing can pay it
 * twice, and taken back only on proof that it was not sent. No limit holds for money: what has moved has moved.
 */
export class Payments {
  readonly #setup: Setup
  readonly #account: Account
  readonly #rule: SettlementRule
  readonly #moneyIsFinal: boolean
  #automatic: Subscription | undefined
  /** The end of the payment that is under way, if any: there is one at a time. */
  #last: Promise<unknown> = DONE

  constructor(setup: Setup, account: Account, rules: Rules) {
    this.#setup = setup
    this.#account = account
    this.#rule = rules.settlement
    this.#moneyIsFinal = rules.moneyIsFinal ?? setup.traits.has('transfers-settle')
  }

  // --------------------------------------------------------------------------------------------------------------- money

  /**
   * @throws InvalidFieldsError when `amount` is no decimal string of whole units; nothing was sent
   * @throws MoneyNotSentError when the ledger failed to book it; nothing was sent
   */
  async send(amount: string, next: Next): Promise<void> {
    const units = unitsOf(amount)
    if (units === undefined) {
      throw new InvalidFieldsError('Expected `amount` to be a string of decimal digits', {
        code: 'ILP_WRAP_INVALID_AMOUNT'
      })
    }
    if (units === 0n) return next(amount)
    const id = uniqueId()
    await this.#pay(await this.#debit(id, units), id, units, next)
  }

  /** Sends what is booked as being on its way. */
  async #pay(ledger: BalanceLedger, id: string, units: bigint, next: Next): Promise<void> {
    try {
      await next(units.toString())
    } catch (error) {
      await this.#unsent(ledger, id, units, error)
      throw error
    }
    await this.#account.attempt('resolve', units, () => ledger.resolve(id, 'sent'))
  }

  /** Books money that is about to be sent; with a ledger that answers at once, before it returns. */
  async #debit(id: string, units: bigint): Promise<BalanceLedger> {
    try {
      const opened = this.#account.open()
      const ledger = isPromise(opened) ? await opened : opened
      const moved = ledger.move(id, units, 'money-out')
      if (isPromise(moved)) await this.#confirmed(ledger, id, units, moved)
      this.#account.changed()
      return ledger
    } catch (error) {
      this.#account.failed('move', error, units)
      throw ledgerFailed(error)
    }
  }

  /** A move that failed may have been made all the same: since nothing will be sent, it is taken back. */
  async #confirmed(ledger: BalanceLedger, id: string, units: bigint, moved: Promise<void>): Promise<void> {
    try {
      await moved
    } catch (error) {
      void this.#account.attempt('resolve', units, () => ledger.resolve(id, 'not-sent'))
      throw error
    }
  }

  async #unsent(ledger: BalanceLedger, id: string, units: bigint, error: unknown): Promise<void> {
    if (errorOutcome(error) !== 'ambiguous') {
      if (await this.#account.attempt('resolve', units, () => ledger.resolve(id, 'not-sent'))) this.#account.changed()
      return
    }
    await this.#account.attempt('suspend', units, () => ledger.suspend(id))
    this.#account.suspended({ id, amount: units })
  }

  /** Hands money to the host. What is no amount goes there, too, but into no books. */
  async receive(amount: string, next: Next): Promise<void> {
    const units = unitsOf(amount)
    if (units === 0n) return next(amount)
    if (units === undefined) {
      this.#unbooked(amount, 'invalid-amount', undefined)
      return next(amount)
    }
    if (this.#moneyIsFinal) {
      await this.#credit(amount, units)
      return next(amount)
    }
    try {
      await next(amount)
    } catch (error) {
      this.#unbooked(amount, 'handler-failed', error)
      throw error
    }
    await this.#credit(amount, units)
  }

  /**
   * A ledger that fails is no reason to refuse money that has moved. It is asked again under the same id, since what
   * failed may take effect all the same: told as unbooked meanwhile, it would be booked twice by who corrects that.
   */
  async #credit(amount: string, units: bigint): Promise<void> {
    const id = uniqueId()
    const book = async (): Promise<void> => {
      const opened = this.#account.open()
      const ledger = isPromise(opened) ? await opened : opened
      const moved = ledger.move(id, -units, 'money-in')
      if (isPromise(moved)) await moved
    }
    const givenUp = (error: unknown): void => {
      this.#unbooked(amount, 'ledger-failed', error, id)
    }
    if (await this.#account.attempt('move', units, book, givenUp)) this.#account.changed()
  }

  #unbooked(amount: string, reason: MoneyUnbooked['reason'], error: unknown, id?: string): void {
    if (this.#account.observed) this.#account.emit({ type: 'money-unbooked', amount, reason, error, id })
  }

  // ---------------------------------------------------------------------------------------------------------- settlement

  /** Settles by itself from now on. */
  start(threshold: bigint): void {
    if (this.#automatic?.closed === false) return
    const { cooldownMs } = this.#rule
    const { balances, clock } = this.#account
    this.#automatic = settlements(balances, threshold, cooldownMs, clock, () => this.#look(threshold)).subscribe()
  }

  /** A payment that is under way goes on. */
  stop(): void {
    this.#automatic?.unsubscribe()
  }

  /** Money that is sent into a dead connection may end in doubt. A packet that was fulfilled proves it alive. */
  async #look(threshold: bigint): Promise<Look> {
    if (!this.#account.takeFulfilled() && !this.#isConnected()) return 'away'
    try {
      const { found } = await this.#inTurn(() => this.#settleBelow(threshold))
      return found
    } catch (error) {
      this.#account.failed('settle', error)
      return 'failed'
    }
  }

  /** A plugin that throws instead of an answer is taken to be away, and ends neither the process nor settlement. */
  #isConnected(): boolean {
    try {
      return this.#setup.plugin.isConnected()
    } catch (error) {
      this.#setup.log.error('the plugin failed to say whether it is connected: %s', messageOf(error))
      return false
    }
  }

  /**
   * Pays up to `settleTo` now, whatever the threshold. Gives what was paid, zero when nothing was due. Rejects with what
   * the payment threw, or with a PluginError while another has an unknown outcome (`ILP_WRAP_SETTLEMENT_SUSPENDED`) or is
   * on its way (`ILP_WRAP_SETTLEMENT_BUSY`).
   */
  async settle(): Promise<bigint> {
    const { found, amount, error } = await this.#inTurn(() => this.#settleBelow(this.#rule.target))
    if (found === 'sent' || found === 'nothing') return amount
    throw error
  }

  /** Runs one payment after another. */
  #inTurn(pay: () => Promise<Settled>): Promise<Settled> {
    const turn = this.#last.then(pay)
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Through the layers beneath: once per amount. */
  async #settleBelow(threshold: bigint): Promise<Settled> {
    const opened = this.#account.open()
    const ledger = isPromise(opened) ? await opened : opened
    const id = uniqueId()
    const amount = await this.#take(ledger, id, { ...this.#rule, threshold })
    if (amount === 'suspended') return { found: amount, amount: 0n, error: settlementSuspended() }
    if (amount === 'sending') return { found: amount, amount: 0n, error: settlementBusy() }
    if (amount === 0n) return { found: 'nothing', amount, error: undefined }
    this.#account.changed()
    try {
      await this.#pay(ledger, id, amount, (units) => this.#setup.plugin.sendMoney(units))
    } catch (error) {
      const outcome = errorOutcome(error)
      if (this.#account.observed) this.#account.emit({ type: 'settlement-failed', amount, outcome, error })
      return { found: outcome === 'ambiguous' ? 'suspended' : 'failed', amount, error }
    }
    if (this.#account.observed) this.#account.emit({ type: 'settlement-sent', amount })
    return { found: 'sent', amount, error: undefined }
  }

  /** What is to be paid, booked already. With a ledger that answers at once, before it returns. */
  async #take(ledger: BalanceLedger, id: string, terms: SettlementTerms): Promise<bigint | 'sending' | 'suspended'> {
    const taken = ledger.settle(id, terms)
    if (!isPromise(taken)) return taken
    try {
      return await taken
    } catch (error) {
      // it may be booked all the same: since nothing will be sent, it is taken back
      void this.#account.attempt('resolve', 0n, () => ledger.resolve(id, 'not-sent'))
      throw error
    }
  }

  // ------------------------------------------------------------------------------------------------------------- by hand

  async adjust(delta: bigint, id: string): Promise<void> {
    const ledger = await this.#account.open()
    await ledger.move(id, delta, 'adjust')
    this.#account.changed()
  }

  async resolve(outcome: 'sent' | 'not-sent', id: string | undefined): Promise<SuspendedMoney[]> {
    const ledger = await this.#account.open()
    const { suspended } = await ledger.snapshot()
    const meant = suspended.filter((money) => id === undefined || money.id === id)
    for (const money of meant) {
      await ledger.resolve(money.id, outcome)
      if (this.#account.observed) this.#account.emit({ type: 'settlement-resolved', id: money.id, outcome })
    }
    if (id !== undefined && meant.length === 0) meant.push(...(await this.#resolveCommit(ledger, outcome, id)))
    // settlement goes on, also where the balance is what it was
    if (outcome === 'not-sent') this.#account.changed()
    else this.#account.look()
    return meant
  }

  async #resolveCommit(ledger: BalanceLedger, outcome: 'sent' | 'not-sent', id: string): Promise<SuspendedMoney[]> {
    const { unconfirmed } = await ledger.outstanding()
    const commit = unconfirmed.find((entry) => entry.id === id)
    if (commit === undefined) return []
    await ledger.resolve(id, outcome)
    const { direction, amount, expiresAt } = commit
    if (this.#account.observed) {
      this.#account.emit({ type: 'commit-resolved', id, direction: wayOf(direction), amount, expiresAt, outcome })
    }
    return [{ id, amount }]
  }
}

/** The units of a decimal string; undefined for what is none (RFC 0024, "sendMoney"). */
function unitsOf(amount: unknown): bigint | undefined {
  return typeof amount === 'string' && /^(0|[1-9][0-9]*)$/.test(amount) ? BigInt(amount) : undefined
}
