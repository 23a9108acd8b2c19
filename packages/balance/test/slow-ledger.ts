import { systemClock } from '@ilp-wrap/core'
import type {
  BalanceLedger,
  HoldDirection,
  HoldId,
  LedgerSnapshot,
  LedgerStore,
  Limits,
  MoveKind
} from '../src/ledger.js'

export type Operation = 'open' | 'hold' | 'commit' | 'release' | 'move' | 'suspend' | 'resolve' | 'snapshot'

interface KeptHold {
  direction: HoldDirection
  amount: bigint
  expiresAt: number
  status: 'held' | 'released' | 'committed'
}

interface KeptMove {
  delta: bigint
  state: 'open' | 'suspended' | 'closed'
}

interface KeptAccount {
  committed: bigint
  holds: Map<string, KeptHold>
  moves: Map<string, KeptMove>
}

/** A store that gives nothing but promises, goes by the text of ids, and outlasts its process. */
export class SlowStore implements LedgerStore {
  /** Awaited by each operation before it takes effect, for a test to delay it or to have it fail. */
  before: (operation: Operation) => unknown = () => undefined
  /** Awaited by each operation after it took effect, for a test to lose the answer. */
  after: (operation: Operation) => unknown = () => undefined
  readonly calls: Operation[] = []
  closed = false
  readonly #accounts: Map<string, KeptAccount>

  constructor(accounts = new Map<string, KeptAccount>()) {
    this.#accounts = accounts
  }

  async open(account: string): Promise<SlowLedger> {
    await this.before('open')
    let kept = this.#accounts.get(account)
    if (kept === undefined) {
      kept = { committed: 0n, holds: new Map(), moves: new Map() }
      this.#accounts.set(account, kept)
    }
    return new SlowLedger(this, kept)
  }

  async close(): Promise<void> {
    this.closed = true
  }

  /** Another process finds what this one has kept. */
  reopen(): SlowStore {
    for (const { holds, moves } of this.#accounts.values()) {
      for (const hold of holds.values()) {
        if (hold.status === 'held' && hold.expiresAt + 60_000 < systemClock.now()) hold.status = 'released'
      }
      for (const move of moves.values()) if (move.state === 'open') move.state = 'suspended'
    }
    return new SlowStore(this.#accounts)
  }
}

export class SlowLedger implements BalanceLedger {
  readonly #store: SlowStore
  readonly #kept: KeptAccount

  constructor(store: SlowStore, kept: KeptAccount) {
    this.#store = store
    this.#kept = kept
  }

  hold(id: HoldId, direction: HoldDirection, amount: bigint, expiresAt: number, limits: Limits) {
    return this.#do('hold', () => {
      const { holds, committed } = this.#kept
      if (holds.has(String(id))) return 'held' as const
      const wanted = this.#sum(direction) + amount
      if (direction === 'in' && limits.maximum !== undefined && committed + wanted > limits.maximum) return 'over-limit'
      if (direction === 'out' && limits.minimum !== undefined && committed - wanted < limits.minimum)
        return 'over-limit'
      holds.set(String(id), { direction, amount, expiresAt, status: 'held' })
      return 'held' as const
    })
  }

  commit(id: HoldId): Promise<void> {
    return this.#do('commit', () => {
      const hold = this.#kept.holds.get(String(id))
      if (hold === undefined) throw new Error('unknown hold')
      if (hold.status === 'committed') return
      hold.status = 'committed'
      this.#kept.committed += hold.direction === 'in' ? hold.amount : -hold.amount
    })
  }

  release(id: HoldId): Promise<void> {
    return this.#do('release', () => {
      const hold = this.#kept.holds.get(String(id))
      if (hold?.status === 'held') hold.status = 'released'
    })
  }

  move(id: string, delta: bigint, kind: MoveKind): Promise<void> {
    return this.#do('move', () => {
      if (this.#kept.moves.has(id)) return
      this.#kept.moves.set(id, { delta, state: kind === 'money-out' ? 'open' : 'closed' })
      this.#kept.committed += delta
    })
  }

  suspend(id: string): Promise<void> {
    return this.#do('suspend', () => {
      const move = this.#kept.moves.get(id)
      if (move?.state === 'open') move.state = 'suspended'
    })
  }

  resolve(id: string, outcome: 'sent' | 'not-sent'): Promise<void> {
    return this.#do('resolve', () => {
      const move = this.#kept.moves.get(id)
      if (move === undefined || move.state === 'closed') return
      move.state = 'closed'
      if (outcome === 'not-sent') this.#kept.committed -= move.delta
    })
  }

  snapshot(): Promise<LedgerSnapshot> {
    return this.#do('snapshot', () => ({
      committed: this.#kept.committed,
      holdsIn: this.#sum('in'),
      holdsOut: this.#sum('out'),
      suspended: [...this.#kept.moves]
        .filter(([, { state }]) => state === 'suspended')
        .map(([id, { delta }]) => ({ id, amount: delta }))
    }))
  }

  #sum(direction: HoldDirection): bigint {
    let sum = 0n
    for (const hold of this.#kept.holds.values()) {
      if (hold.direction === direction && hold.status === 'held') sum += hold.amount
    }
    return sum
  }

  async #do<T>(operation: Operation, effect: () => T): Promise<T> {
    this.#store.calls.push(operation)
    await this.#store.before(operation)
    const result = effect()
    await this.#store.after(operation)
    return result
  }
}
