import { Subject } from 'rxjs'
import { isPromise } from './awaitable.js'
import type { BalanceLedger, LedgerSnapshot } from './ledger.js'

export interface BalanceReader {
  readonly ledger: BalanceLedger
  /** What a snapshot says; `changed` when it was taken because something was booked. Must not throw. */
  read(committed: bigint, changed: boolean): void
  unreadable(error: unknown): void
}

/** Reads the balance for those who watch it, one snapshot at a time: changes that come meanwhile share the next one. */
export class BalanceWatch {
  /** Each balance that was read. Observers must not throw. */
  readonly balances: Subject<bigint> = new Subject()
  readonly #reader: BalanceReader
  #reading = false
  /** Whether a snapshot is wanted after the present one: for a change (true) or not. */
  #wanted: boolean | undefined

  constructor(reader: BalanceReader) {
    this.#reader = reader
  }

  look(changed: boolean): void {
    if (this.#reading) {
      this.#wanted = changed || this.#wanted === true
      return
    }
    try {
      const snapshot = this.#reader.ledger.snapshot()
      if (isPromise(snapshot)) void this.#readLater(snapshot, changed)
      else this.#tell(snapshot, changed)
    } catch (error) {
      this.#reader.unreadable(error)
    }
  }

  async #readLater(snapshot: Promise<LedgerSnapshot>, changed: boolean): Promise<void> {
    this.#reading = true
    try {
      this.#tell(await snapshot, changed)
    } catch (error) {
      this.#reader.unreadable(error)
    }
    this.#reading = false
    const wanted = this.#wanted
    this.#wanted = undefined
    if (wanted !== undefined) this.look(wanted)
  }

  #tell({ committed }: LedgerSnapshot, changed: boolean): void {
    this.#reader.read(committed, changed)
    this.balances.next(committed)
  }
}
