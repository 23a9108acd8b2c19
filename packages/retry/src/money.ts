import { randomBytes } from 'node:crypto'
import type { PluginEventInput, PluginV2, Setup, Store } from '@ilp-wrap/core'
import { InvalidFieldsError, MoneyNotSentError, UnreachableError, describe, errorOutcome } from '@ilp-wrap/core'
import { Subject, defer, lastValueFrom, map, merge, retry as retryWhile, take, throwError } from 'rxjs'
import type { Observable } from 'rxjs'
import { backoffMs } from './backoff.js'
import { inDoubt, nameOf } from './errors.js'
import { MoneyLog } from './money-log.js'
import type { Rules } from './options.js'
import { sleep } from './sleep.js'

/** Sends money under a key: the same key and amount, however often, pay once (RFC 0038, "Idempotent requests"). */
export type SendMoneyOnce = (amount: string, options: { readonly key: string }) => Promise<void>

/**
 * How the plugin takes an idempotency key, if it does: by a method `sendMoneyOnce(amount, { key })`, or, if it says
 * `idempotentMoney: true`, by the same second argument of `sendMoney`. A layer beneath would drop that argument, and a
 * repeated payment without its key pays twice: then only the method counts.
 */
export function sendMoneyOnceOf(plugin: PluginV2): SendMoneyOnce | undefined {
  const able = plugin as PluginV2 & { sendMoneyOnce?: unknown; idempotentMoney?: unknown }
  if (typeof able.sendMoneyOnce === 'function') {
    return async (amount, options) => (able as { sendMoneyOnce: SendMoneyOnce }).sendMoneyOnce(amount, options)
  }
  if (able.idempotentMoney !== true || isLayer(plugin)) return undefined
  return async (amount, options) => (plugin as { sendMoney: SendMoneyOnce }).sendMoney(amount, options)
}

function isLayer(plugin: PluginV2): boolean {
  try {
    describe(plugin)
    return true
  } catch {
    return false
  }
}

/**
 * Outgoing money of a plugin that takes an idempotency key. The key is on disk before the first try, so that a payment
 * whose outcome is unknown goes on under the same key, also after a restart, until it is acknowledged.
 */
export class Money {
  readonly #setup: Setup
  readonly #rules: Rules
  readonly #once: SendMoneyOnce
  readonly #log: MoneyLog
  readonly #stopped = new Subject<undefined>()
  /** How often it was stopped, and whether it was not started again since. */
  #stops = 0
  #over = false
  /** The keys that are being sent now, or about to be. */
  readonly #active = new Set<string>()

  constructor(setup: Setup, rules: Rules, once: SendMoneyOnce, store: Store, account: string) {
    this.#setup = setup
    this.#rules = rules
    this.#once = once
    this.#log = new MoneyLog(store, account, setup.clock)
  }

  /** The host is about to connect: what is sent from now on is sent until it is acknowledged. */
  start(): void {
    this.#over = false
  }

  /** Reads what is still open. Rejects when the store does, holds what cannot be read, or when it is stopped meanwhile. */
  async load(): Promise<void> {
    const stops = this.#stops
    await this.#log.load()
    if (stops !== this.#stops) {
      throw new UnreachableError('Disconnected while connecting', { code: 'ILP_WRAP_DISCONNECTED' })
    }
  }

  async send(amount: string, next: (amount: string) => Promise<void>): Promise<void> {
    if (amount === '0') return next(amount)
    if (typeof amount !== 'string' || !/^[1-9][0-9]*$/.test(amount)) {
      throw new InvalidFieldsError('Expected `amount` to be a string of decimal digits, above zero')
    }
    // RFC 0038: a key that nobody can guess, kept before it is used
    const key = randomBytes(16).toString('hex')
    // before it is in the log, from where `resume` would take it
    this.#active.add(key)
    try {
      await this.#begin(key, amount)
      await this.#deliver(key, amount, false)
    } finally {
      this.#active.delete(key)
    }
  }

  async #begin(key: string, amount: string): Promise<void> {
    try {
      await this.#log.load()
    } catch (cause) {
      throw new MoneyNotSentError('The idempotency keys could not be read, nothing was sent', { cause })
    }
    try {
      await this.#log.begin(key, amount)
    } catch (cause) {
      // a write that failed may have been made all the same
      if (!(await this.#log.forget(key))) throw inDoubt(cause)
      throw new MoneyNotSentError('The idempotency key could not be stored, nothing was sent', { cause })
    }
  }

  /** Goes on with what was open when it was last stopped, in the background. */
  resume(): void {
    if (this.#over) return
    for (const { key, amount } of this.#log.open()) {
      if (!this.#active.has(key)) void this.#goOn(key, amount)
    }
  }

  async #goOn(key: string, amount: string): Promise<void> {
    this.#active.add(key)
    try {
      await this.#deliver(key, amount, true)
    } catch (error) {
      this.#setup.log.warn('money under key %s is still unacknowledged: %s', key, nameOf(error))
    } finally {
      this.#active.delete(key)
    }
  }

  /** Ends all waiting; what is open stays so. */
  stop(): void {
    this.#stops += 1
    this.#over = true
    this.#stopped.next(undefined)
  }

  /** `doubtful`: an earlier try may have moved the money, so that nothing but an acknowledgement settles it. */
  async #deliver(key: string, amount: string, doubtful: boolean): Promise<void> {
    const payment: Payment = { key, amount, doubtful, attempts: 0 }
    try {
      await lastValueFrom(
        defer(() => this.#attempt(payment)).pipe(retryWhile({ delay: (error: unknown) => this.#pause(payment, error) }))
      )
    } catch (error) {
      if (!payment.doubtful && !(await this.#log.forget(key))) throw inDoubt(error)
      throw error
    }
    this.#emit({ type: 'money-acknowledged', key, amount, attempts: payment.attempts, resumed: doubtful })
    await this.#noted(this.#log.acknowledge(key))
  }

  async #attempt(payment: Payment): Promise<void> {
    payment.attempts += 1
    await this.#once(payment.amount, { key: payment.key })
  }

  #pause(payment: Payment, error: unknown): Observable<undefined> {
    const { key, amount, attempts } = payment
    payment.doubtful ||= errorOutcome(error) === 'ambiguous'
    // nothing moved: a settlement may try again, with the amount of then
    if (!payment.doubtful) return throwError(() => error)
    // an attempt that was under way when it was stopped
    if (this.#over) return throwError(() => error)
    const delayMs = backoffMs(attempts, this.#rules.moneyBackoff, this.#rules.random)
    this.#emit({ type: 'money-retry-scheduled', key, amount, attempt: attempts, delayMs, error: nameOf(error) })
    const ended = this.#stopped.pipe(
      map(() => {
        throw error
      })
    )
    return merge(sleep(this.#setup.clock, delayMs), ended).pipe(take(1))
  }

  /** The money has moved, whatever the store says: at worst the same key is sent once more. */
  async #noted(written: Promise<void>): Promise<void> {
    try {
      await written
    } catch (error) {
      this.#setup.log.error('the log of outgoing money could not be stored: %s', nameOf(error))
    }
  }

  #emit(event: PluginEventInput): void {
    if (this.#setup.events.observed) this.#setup.emit(event)
  }
}

interface Payment {
  readonly key: string
  readonly amount: string
  doubtful: boolean
  attempts: number
}
