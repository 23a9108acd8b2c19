import { InvalidFieldsError } from '@ilp-wrap/core'
import type {
  BalanceLedger,
  HoldDirection,
  HoldId,
  LedgerSnapshot,
  LedgerStore,
  Limits,
  MoveKind,
  Outstanding,
  SettlementTerms,
  SuspendedMoney
} from './ledger.js'
import { amountDue } from './settlement.js'

/** How many ids of moves are known after they are closed. */
const REMEMBERED_MOVES = 256

const NONE: readonly SuspendedMoney[] = Object.freeze([])

const NOTHING: Outstanding = Object.freeze({ holds: Object.freeze([]), unconfirmed: Object.freeze([]) })

/**
 * The books of one account in memory: numbers and nothing else, no clock and no timer. It never gives a promise. What
 * it knows of a hold stands in the id, so a settled id is known for as long as anybody has it.
 */
export class MemoryLedger implements BalanceLedger {
  #committed = 0n
  #holdsIn = 0n
  #holdsOut = 0n
  /** Money out that is neither sent for certain nor taken back. */
  #open: Map<string, { readonly amount: bigint; suspended: boolean }> | undefined
  /** The last moves that are closed, oldest first. */
  #closed: Set<string> | undefined

  hold(
    id: HoldId,
    direction: HoldDirection,
    amount: bigint,
    _expiresAt: number,
    limits: Limits
  ): 'held' | 'over-limit' {
    if (id.status !== 'new') return 'held'
    if (direction === 'in') {
      const { maximum } = limits
      const holds = this.#holdsIn + amount
      if (maximum !== undefined && this.#committed + holds > maximum) return 'over-limit'
      this.#holdsIn = holds
    } else {
      const { minimum } = limits
      const holds = this.#holdsOut + amount
      if (minimum !== undefined && this.#committed - holds < minimum) return 'over-limit'
      this.#holdsOut = holds
    }
    id.status = 'held'
    id.direction = direction
    id.amount = amount
    return 'held'
  }

  commit(id: HoldId): void {
    const { status, direction, amount } = id
    if (status === 'committed') return
    if (status === 'new') throw new InvalidFieldsError('Cannot commit a hold that was never made')
    if (status === 'held') this.#letGo(direction, amount)
    id.status = 'committed'
    this.#committed += direction === 'in' ? amount : -amount
  }

  release(id: HoldId): void {
    if (id.status !== 'held') return
    id.status = 'released'
    this.#letGo(id.direction, id.amount)
  }

  /** Nothing to do: what is not passed on ends with the books. */
  confirm(): void {
    return undefined
  }

  move(id: string, delta: bigint, kind: MoveKind): void {
    if (this.#open?.has(id) === true || this.#closed?.has(id) === true) return
    this.#committed += delta
    if (kind === 'money-out') (this.#open ??= new Map()).set(id, { amount: delta, suspended: false })
    else this.#remember(id)
  }

  settle(id: string, terms: SettlementTerms): bigint | 'sending' | 'suspended' {
    if (this.#open !== undefined && this.#open.size > 0) {
      if (suspendedOf(this.#open).length > 0) return 'suspended'
      return this.#open.get(id)?.amount ?? 'sending'
    }
    const amount = amountDue(terms, this.#committed)
    if (amount === 0n || this.#closed?.has(id) === true) return 0n
    this.move(id, amount, 'money-out')
    return amount
  }

  suspend(id: string): void {
    const money = this.#open?.get(id)
    if (money !== undefined) money.suspended = true
  }

  resolve(id: string, outcome: 'sent' | 'not-sent'): void {
    const open = this.#open
    const money = open?.get(id)
    if (open === undefined || money === undefined) return
    open.delete(id)
    this.#remember(id)
    if (outcome === 'not-sent') this.#committed -= money.amount
  }

  snapshot(): LedgerSnapshot {
    return {
      committed: this.#committed,
      holdsIn: this.#holdsIn,
      holdsOut: this.#holdsOut,
      suspended: this.#open === undefined || this.#open.size === 0 ? NONE : suspendedOf(this.#open)
    }
  }

  outstanding(): Outstanding {
    return NOTHING
  }

  #letGo(direction: HoldDirection, amount: bigint): void {
    const held = (direction === 'in' ? this.#holdsIn : this.#holdsOut) - amount
    // a zero that was computed is an object of its own: thousands of idle plugins share this one
    const left = held === 0n ? 0n : held
    if (direction === 'in') this.#holdsIn = left
    else this.#holdsOut = left
  }

  #remember(id: string): void {
    const closed = (this.#closed ??= new Set())
    closed.add(id)
    if (closed.size > REMEMBERED_MOVES) closed.delete(closed.values().next().value as string)
  }
}

function suspendedOf(open: ReadonlyMap<string, { amount: bigint; suspended: boolean }>): SuspendedMoney[] {
  return [...open].filter(([, { suspended }]) => suspended).map(([id, { amount }]) => ({ id, amount }))
}

/** The books of many accounts in memory, for plugins that share an account or are wrapped anew. */
export class MemoryLedgerStore implements LedgerStore {
  readonly #accounts = new Map<string, MemoryLedger>()

  open(account: string): MemoryLedger {
    let ledger = this.#accounts.get(account)
    if (ledger === undefined) {
      ledger = new MemoryLedger()
      this.#accounts.set(account, ledger)
    }
    return ledger
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- other stores have to wait
  async *accounts(): AsyncGenerator<string, void, undefined> {
    yield* this.#accounts.keys()
  }

  /** Nothing to do: the books end with the process. */
  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** A ledger in memory. Plugins whose contexts name the same `account` share its books; without a name each has its own. */
export function memoryLedger(): LedgerStore {
  return new MemoryLedgerStore()
}
