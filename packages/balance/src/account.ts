import { SafeObservable } from '@ilp-wrap/core'
import type { Clock, Setup } from '@ilp-wrap/core'
import { distinctUntilChanged } from 'rxjs'
import type { Observable, Subject } from 'rxjs'
import { isPromise } from './awaitable.js'
import type { LedgerFailed } from './events.js'
import { wayOf } from './hold.js'
import type { Hold } from './hold.js'
import type { Awaitable, BalanceLedger, LedgerObserver, Limits, PacketEntry, SuspendedMoney } from './ledger.js'
import { MemoryLedger, MemoryLedgerStore } from './memory-ledger.js'
import type { Rules } from './options.js'
import { BalanceWatch } from './watch.js'
import type { BalanceReader } from './watch.js'

/** From one round of asking a ledger that has failed to the next. */
const REPEAT_MS = 250

type Operation = LedgerFailed['operation']

/**
 * The books of one plugin: its ledger, opened when it is first needed, what becomes of a ledger's failures, and who
 * watches the balance. With a ledger that answers at once, everything here happens at once.
 */
export class Account implements LedgerObserver, BalanceReader {
  readonly clock: Clock
  limits: Limits
  /** How many calls the ledger still owes: commits that were deferred, and what has failed and is asked again. */
  behind = 0
  readonly #setup: Setup
  readonly #rules: Rules
  #ledger: BalanceLedger | undefined
  #opening: Promise<BalanceLedger> | undefined
  /** Made for the first who watches. */
  #watch: BalanceWatch | undefined
  /** One for all that is asked again. */
  #pause: Promise<void> | undefined
  #fulfilled = false

  constructor(setup: Setup, rules: Rules) {
    this.clock = setup.clock
    this.limits = rules.limits
    this.#setup = setup
    this.#rules = rules
  }

  /** Ends what `balance$` gives. */
  close(): void {
    this.#watch?.balances.complete()
  }

  /** Whether anybody observes the events: ask before building one. */
  get observed(): boolean {
    return this.#setup.events.observed
  }

  get emit(): Setup['emit'] {
    return this.#setup.emit
  }

  get commitMarginMs(): number {
    return this.#rules.commitMarginMs
  }

  // ---------------------------------------------------------------------------------------------------------- the ledger

  /** The ledger, or a promise while it is loading. A failure is the caller's to report; the next call tries again. */
  open(): Awaitable<BalanceLedger> {
    return this.#ledger ?? this.#opening ?? this.#load()
  }

  #load(): Awaitable<BalanceLedger> {
    const { ledger: store } = this.#rules
    const { account } = this.#setup
    // without a name, books in memory are this plugin's own; `balance` sees to it that there is one for other stores
    const own = store === undefined || (store instanceof MemoryLedgerStore && account === undefined)
    const opened = own ? new MemoryLedger() : store.open(account as string, this)
    if (!isPromise(opened)) {
      this.#ledger = opened
      return opened
    }
    this.#opening = opened.then(
      (ledger) => {
        this.#ledger = ledger
        return ledger
      },
      (error: unknown) => {
        this.#opening = undefined
        throw error
      }
    )
    return this.#opening
  }

  /** The ledger that `open` gave. */
  get ledger(): BalanceLedger {
    return this.#ledger as BalanceLedger
  }

  /** Books a hold. Never throws; a promise, which does not reject, until that is done: whether it was. */
  commit(hold: Hold): Promise<boolean> | undefined {
    this.#fulfilled = true
    try {
      const done = this.ledger.commit(hold)
      if (isPromise(done)) return this.#committed(hold, done)
      this.changed()
    } catch (error) {
      this.failed('commit', error, hold.amount)
    }
    return undefined
  }

  #committed(hold: Hold, done: Promise<void>): Promise<boolean> {
    return done.then(
      () => {
        this.changed()
        return true
      },
      (error: unknown) => this.#insist('commit', error, hold.amount, () => this.ledger.commit(hold))
    )
  }

  /** Whether a packet was fulfilled since this was asked last. */
  takeFulfilled(): boolean {
    const fulfilled = this.#fulfilled
    this.#fulfilled = false
    return fulfilled
  }

  /** Lets go of a hold, if there can be one. Never throws, and nobody waits for it. */
  release(hold: Hold): void {
    try {
      const done = this.#ledger?.release(hold)
      if (!isPromise(done)) return
      done.catch((error: unknown) => this.#insist('release', error, hold.amount, () => this.ledger.release(hold)))
    } catch (error) {
      this.failed('release', error, hold.amount)
    }
  }

  /**
   * Whether the ledger did it at the first try. If not it is asked again until it does, while nobody waits, or until that
   * is of no use any more: then `givenUp` is told why.
   */
  async attempt(
    operation: Operation,
    amount: bigint,
    call: () => Awaitable<void>,
    givenUp?: (error: unknown) => void
  ): Promise<boolean> {
    try {
      await call()
      return true
    } catch (error) {
      void this.#insist(operation, error, amount, call, givenUp)
      return false
    }
  }

  /** Tells of a first failure, and asks again if that may help. Whether the ledger did it in the end. */
  async #insist(
    operation: Operation,
    error: unknown,
    amount: bigint,
    call: () => Awaitable<void>,
    givenUp?: (error: unknown) => void
  ): Promise<boolean> {
    const passing = isPassing(error)
    this.failed(operation, error, amount, passing)
    if (passing) return this.#again(operation, amount, call, givenUp)
    givenUp?.(error)
    return false
  }

  async #again(
    operation: Operation,
    amount: bigint,
    call: () => Awaitable<void>,
    givenUp: ((error: unknown) => void) | undefined
  ): Promise<boolean> {
    this.behind++
    try {
      for (;;) {
        await this.#rest()
        const failure = await failureOf(call)
        if (failure === undefined) {
          this.changed()
          return true
        }
        if (isPassing(failure.error)) continue
        this.failed(operation, failure.error, amount)
        givenUp?.(failure.error)
        return false
      }
    } finally {
      this.behind--
    }
  }

  /** One pause for all that is to be asked again, so that they are asked together. */
  #rest(): Promise<void> {
    this.#pause ??= new Promise((resolve) => {
      const end = (): void => {
        this.#pause = undefined
        resolve()
      }
      this.clock.setTimeout(end, REPEAT_MS).unref()
    })
    return this.#pause
  }

  failed(operation: Operation, error: unknown, amount?: bigint, repeated = false): void {
    this.#setup.log.error('the ledger failed to %s: %s', operation, messageOf(error))
    if (this.observed) this.emit({ type: 'ledger-failed', operation, amount, error, repeated })
  }

  // ------------------------------------------------------------------------------------------- what the ledger tells

  expired({ id, direction, amount, expiresAt }: PacketEntry): void {
    this.#setup.log.warn('the process that sent a packet of %s units is gone: nobody knows its answer', String(amount))
    if (!this.observed) return
    this.emit({ type: 'hold-expired', id, direction: wayOf(direction), amount, destination: undefined, expiresAt })
  }

  suspended({ id, amount }: SuspendedMoney): void {
    this.#setup.log.error(
      'it is unknown whether %s units arrived, settlement waits for resolve() of %s',
      String(amount),
      id
    )
    if (this.observed) this.emit({ type: 'settlement-suspended', id, amount })
  }

  // --------------------------------------------------------------------------------------------------------- the balance

  /** The balance of now, as soon as it is known, and each change. */
  get balance$(): Observable<bigint> {
    const report = (error: unknown): void => {
      this.#setup.log.error('an observer of the balance threw: %s', messageOf(error))
    }
    return new SafeObservable<bigint>({ report }, (subscriber) => {
      const subscription = this.balances.subscribe(subscriber)
      this.look()
      return subscription
    }).pipe(distinctUntilChanged())
  }

  /** What `changed` and `look` find. Observers must not throw. */
  get balances(): Subject<bigint> {
    return this.#watched.balances
  }

  get #watched(): BalanceWatch {
    this.#watch ??= new BalanceWatch(this)
    return this.#watch
  }

  /** To be called after each change of the balance; costs two checks while nobody watches. */
  changed(): void {
    if (this.observed || this.#watch?.balances.observed === true) this.#watched.look(true)
  }

  /** Tells those who watch the balance what it is, although it may not have changed. */
  look(): void {
    try {
      const ledger = this.open()
      if (isPromise(ledger)) void this.#lookOnceOpen(ledger)
      else this.#watched.look(false)
    } catch (error) {
      this.failed('open', error)
    }
  }

  async #lookOnceOpen(opening: Promise<BalanceLedger>): Promise<void> {
    try {
      await opening
    } catch (error) {
      this.failed('open', error)
      return
    }
    this.#watched.look(false)
  }

  read(committed: bigint, changed: boolean): void {
    if (changed && this.observed) this.emit({ type: 'balance-changed', balance: committed })
  }

  unreadable(error: unknown): void {
    this.failed('snapshot', error)
  }
}

/** Whether to ask again may help; see ledger.ts. */
export function isPassing(error: unknown): boolean {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown }
  return name !== 'InvalidFieldsError' && code !== 'ILP_WRAP_LEDGER_CLOSED'
}

async function failureOf(call: () => Awaitable<void>): Promise<{ readonly error: unknown } | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    return { error }
  }
}

/** What may stand in a log: an error's message, since its other fields may hold what a store was asked to do. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : typeof error
}
