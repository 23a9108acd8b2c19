import { InvalidFieldsError, PluginError, systemClock } from '@ilp-wrap/core'
import type {
  BalanceLedger,
  HoldDirection,
  HoldId,
  LedgerObserver,
  LedgerSnapshot,
  LedgerStore,
  Limits,
  MoveKind,
  OpenHold,
  Outstanding,
  PacketEntry,
  SettlementTerms
} from '../src/ledger.js'

export type Operation =
  'open' | 'hold' | 'commit' | 'release' | 'confirm' | 'move' | 'settle' | 'suspend' | 'resolve' | 'snapshot'

interface KeptHold extends PacketEntry {
  status: 'held' | 'released' | 'committed' | 'confirmed'
  readonly owner: SlowStore
}

interface KeptMove {
  readonly delta: bigint
  readonly owner: SlowStore
  state: 'sending' | 'suspended' | 'closed'
}

class KeptAccount {
  committed = 0n
  readonly holds = new Map<string, KeptHold>()
  readonly moves = new Map<string, KeptMove>()
}

/** A store that gives nothing but promises, goes by the text of ids, and outlasts its process. */
export class SlowStore implements LedgerStore {
  /** Awaited by each operation before it takes effect, for a test to delay it or to have it fail. */
  before: (operation: Operation) => unknown = () => undefined
  /** Awaited by each operation after it took effect, for a test to lose the answer. */
  after: (operation: Operation) => unknown = () => undefined
  readonly calls: Operation[] = []
  closed = false
  /** Whether its process is gone. */
  gone = false
  readonly kept: Map<string, KeptAccount>
  readonly #ledgers = new Map<string, SlowLedger>()

  constructor(kept = new Map<string, KeptAccount>()) {
    this.kept = kept
  }

  async open(account: string, observer?: LedgerObserver): Promise<SlowLedger> {
    await this.before('open')
    const kept = this.kept.get(account) ?? new KeptAccount()
    this.kept.set(account, kept)
    const ledger = this.#ledgers.get(account) ?? new SlowLedger(this, kept)
    this.#ledgers.set(account, ledger)
    if (observer !== undefined) ledger.recover(observer)
    return ledger
  }

  async *accounts(): AsyncGenerator<string> {
    yield* this.kept.keys()
  }

  async close(): Promise<void> {
    this.closed = true
    for (const ledger of this.#ledgers.values()) ledger.end()
  }

  /** Another process finds what this one has kept. */
  reopen(): SlowStore {
    this.gone = true
    return new SlowStore(this.kept)
  }
}

export class SlowLedger implements BalanceLedger {
  readonly #store: SlowStore
  readonly #kept: KeptAccount
  #observer: LedgerObserver | undefined
  readonly #timers: NodeJS.Timeout[] = []

  constructor(store: SlowStore, kept: KeptAccount) {
    this.#store = store
    this.#kept = kept
  }

  recover(observer: LedgerObserver): void {
    const first = this.#observer === undefined
    this.#observer = observer
    for (const [id, move] of this.#kept.moves) {
      if (move.state === 'sending' && move.owner.gone) move.state = 'suspended'
      if (move.state === 'suspended') observer.suspended({ id, amount: move.delta })
    }
    if (!first) return
    for (const hold of this.#kept.holds.values()) {
      if (hold.status !== 'held' || !hold.owner.gone) continue
      if (hold.direction === 'in') hold.status = 'released'
      else
        this.#timers.push(
          setTimeout(() => {
            hold.status = 'released'
            this.#observer?.expired(entryOf(hold))
          }, hold.expiresAt - systemClock.now()).unref()
        )
    }
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  hold(id: HoldId, direction: HoldDirection, amount: bigint, expiresAt: number, limits: Limits) {
    return this.#do('hold', () => {
      const { holds, committed } = this.#kept
      if (holds.has(String(id))) return 'held' as const
      const wanted = this.#sum(direction) + amount
      if (direction === 'in' && limits.maximum !== undefined && committed + wanted > limits.maximum) return 'over-limit'
      if (direction === 'out' && limits.minimum !== undefined && committed - wanted < limits.minimum)
        return 'over-limit'
      holds.set(String(id), { id: String(id), direction, amount, expiresAt, status: 'held', owner: this.#store })
      return 'held' as const
    })
  }

  commit(id: HoldId): Promise<void> {
    return this.#do('commit', () => {
      const hold = this.#kept.holds.get(String(id))
      if (hold === undefined) throw new InvalidFieldsError('unknown hold')
      if (hold.status === 'committed' || hold.status === 'confirmed') return
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

  confirm(ids: readonly HoldId[]): Promise<void> {
    return this.#do('confirm', () => {
      for (const id of ids) {
        const hold = this.#kept.holds.get(String(id))
        if (hold?.status === 'committed') hold.status = 'confirmed'
      }
    })
  }

  move(id: string, delta: bigint, kind: MoveKind): Promise<void> {
    return this.#do('move', () => {
      this.#move(id, delta, kind === 'money-out' ? 'sending' : 'closed')
    })
  }

  settle(id: string, { threshold, target, smallest }: SettlementTerms) {
    return this.#do('settle', () => {
      const open = [...this.#kept.moves.values()].filter(({ state }) => state !== 'closed')
      if (open.some((move) => isSuspended(move))) return 'suspended'
      const known = this.#kept.moves.get(id)
      if (known?.state === 'sending') return known.delta
      if (open.length > 0) return 'sending'
      const due = target - this.#kept.committed
      if (known !== undefined || this.#kept.committed >= threshold || due < smallest) return 0n
      this.#move(id, due, 'sending')
      return due
    })
  }

  suspend(id: string): Promise<void> {
    return this.#do('suspend', () => {
      const move = this.#kept.moves.get(id)
      if (move?.state === 'sending') move.state = 'suspended'
    })
  }

  resolve(id: string, outcome: 'sent' | 'not-sent'): Promise<void> {
    return this.#do('resolve', () => {
      const hold = this.#kept.holds.get(id)
      if (hold?.status === 'committed' && hold.owner.gone) {
        hold.status = 'confirmed'
        if (outcome === 'not-sent' && hold.direction === 'in') this.#kept.committed -= hold.amount
      }
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
        .filter(([, move]) => isSuspended(move))
        .map(([id, { delta }]) => ({ id, amount: delta }))
    }))
  }

  outstanding(): Promise<Outstanding> {
    return this.#do('snapshot', () => {
      const kept = [...this.#kept.holds.values()]
      return {
        holds: kept
          .filter(({ status }) => status === 'held')
          .map((hold): OpenHold => ({ ...entryOf(hold), lost: hold.owner.gone })),
        unconfirmed: kept.filter(({ status, owner }) => status === 'committed' && owner.gone).map(entryOf)
      }
    })
  }

  #move(id: string, delta: bigint, state: KeptMove['state']): void {
    if (this.#kept.moves.has(id)) return
    this.#kept.moves.set(id, { delta, state, owner: this.#store })
    this.#kept.committed += delta
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
    if (this.#store.closed) throw new PluginError('The ledger is closed', { code: 'ILP_WRAP_LEDGER_CLOSED' })
    await this.#store.before(operation)
    const result = effect()
    await this.#store.after(operation)
    return result
  }
}

function isSuspended({ state, owner }: KeptMove): boolean {
  return state === 'suspended' || (state === 'sending' && owner.gone)
}

function entryOf({ id, direction, amount, expiresAt }: KeptHold): PacketEntry {
  return { id, direction, amount, expiresAt }
}
