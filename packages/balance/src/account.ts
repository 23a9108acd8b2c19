import { SafeObservable } from '@ilp-wrap/core'
import type { Clock, Setup } from '@ilp-wrap/core'
import { Subject, distinctUntilChanged } from 'rxjs'
import type { Observable } from 'rxjs'
import type { LedgerFailed } from './events.js'
import type { Hold } from './hold.js'
import type { Awaitable, BalanceLedger, LedgerSnapshot, LedgerStore, Limits } from './ledger.js'
import { MemoryLedger, MemoryLedgerStore } from './memory-ledger.js'

/**
 * The books of one plugin: its ledger, opened when it is first needed, what becomes of a ledger's failures, and who
 * watches the balance. With a ledger that answers at once, everything here happens at once.
 */
export class Account {
  readonly clock: Clock
  limits: Limits
  readonly #setup: Setup
  readonly #store: LedgerStore | undefined
  #ledger: BalanceLedger | undefined
  #opening: Promise<BalanceLedger> | undefined
  /** Each balance, for `balance$` and settlement; made for the first who watches. */
  #balances: Subject<bigint> | undefined
  /** Whether a snapshot is under way, and whether one is wanted after it: for a change (true) or not. */
  #reading = false
  #wanted: boolean | undefined
  #fulfilled = false

  constructor(setup: Setup, store: LedgerStore | undefined, limits: Limits) {
    this.clock = setup.clock
    this.limits = limits
    this.#setup = setup
    // without a name, books in memory are this plugin's own
    this.#store = store instanceof MemoryLedgerStore && setup.account === undefined ? undefined : store
  }

  /** Ends what `balance$` gives. */
  close(): void {
    this.#balances?.complete()
  }

  /** Whether anybody observes the events: ask before building one. */
  get observed(): boolean {
    return this.#setup.events.observed
  }

  get emit(): Setup['emit'] {
    return this.#setup.emit
  }

  // ---------------------------------------------------------------------------------------------------------- the ledger

  /** The ledger, or a promise while it is loading. A failure is the caller's to report; the next call tries again. */
  open(): Awaitable<BalanceLedger> {
    return this.#ledger ?? this.#opening ?? this.#load()
  }

  #load(): Awaitable<BalanceLedger> {
    // `balance` sees to it that there is a name for every store but the one in memory
    const opened = this.#store === undefined ? new MemoryLedger() : this.#store.open(this.#setup.account as string)
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

  /** Books a hold. Never throws; a promise, which does not reject, while that is not done. */
  commit(hold: Hold): Promise<void> | undefined {
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

  async #committed(hold: Hold, done: Promise<void>): Promise<void> {
    if (await this.attempt('commit', hold.amount, () => done)) this.changed()
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
      if (isPromise(done)) void this.attempt('release', hold.amount, () => done)
    } catch (error) {
      this.failed('release', error, hold.amount)
    }
  }

  /** Whether the ledger did it; a failure is reported. */
  async attempt(
    operation: LedgerFailed['operation'],
    amount: bigint | undefined,
    call: () => Awaitable<void>
  ): Promise<boolean> {
    try {
      await call()
      return true
    } catch (error) {
      this.failed(operation, error, amount)
      return false
    }
  }

  failed(operation: LedgerFailed['operation'], error: unknown, amount?: bigint): void {
    this.#setup.log.error('the ledger failed to %s: %s', operation, messageOf(error))
    if (this.observed) this.emit({ type: 'ledger-failed', operation, amount, error })
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
    this.#balances ??= new Subject()
    return this.#balances
  }

  /** To be called after each change of the balance; costs two checks while nobody watches. */
  changed(): void {
    if (this.observed || this.#balances?.observed === true) this.#read(true)
  }

  /** Tells those who watch the balance what it is, although it may not have changed. */
  look(): void {
    try {
      const ledger = this.open()
      if (isPromise(ledger)) void this.#lookOnceOpen(ledger)
      else this.#read(false)
    } catch (error) {
      this.failed('open', error)
    }
  }

  async #lookOnceOpen(opening: Promise<BalanceLedger>): Promise<void> {
    const opened = await this.attempt('open', undefined, async () => {
      await opening
    })
    if (opened) this.#read(false)
  }

  #read(changed: boolean): void {
    if (this.#reading) {
      this.#wanted = changed || this.#wanted === true
      return
    }
    try {
      const snapshot = this.ledger.snapshot()
      if (isPromise(snapshot)) void this.#readSlowly(snapshot, changed)
      else this.#tell(snapshot, changed)
    } catch (error) {
      this.failed('snapshot', error)
    }
  }

  /** One snapshot at a time: changes that come meanwhile share the next one. */
  async #readSlowly(snapshot: Promise<LedgerSnapshot>, changed: boolean): Promise<void> {
    this.#reading = true
    try {
      this.#tell(await snapshot, changed)
    } catch (error) {
      this.failed('snapshot', error)
    }
    this.#reading = false
    const wanted = this.#wanted
    this.#wanted = undefined
    if (wanted !== undefined) this.#read(wanted)
  }

  #tell({ committed }: LedgerSnapshot, changed: boolean): void {
    if (changed && this.observed) this.emit({ type: 'balance-changed', balance: committed })
    this.#balances?.next(committed)
  }
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** What may stand in a log: an error's message, since its other fields may hold what a store was asked to do. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : typeof error
}
