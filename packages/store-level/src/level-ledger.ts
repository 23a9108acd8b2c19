import { Deadline, InvalidFieldsError } from '@ilp-wrap/core'
import type { Clock, Deadlines } from '@ilp-wrap/core'
import type {
  BalanceLedger,
  HoldDirection,
  HoldId,
  LedgerObserver,
  LedgerSnapshot,
  Limits,
  MoveKind,
  OpenHold,
  Outstanding,
  PacketEntry,
  SettlementTerms,
  SuspendedMoney
} from '@ilp-wrap/balance'
import type { Database } from './database.js'
import { keyOf } from './keys.js'
import { Slots } from './slots.js'
import type { Slot } from './slots.js'
import { holdText, moneyText } from './values.js'
import type { KeptHold, KeptMoney } from './values.js'
import { Late } from './writer.js'
import type { Writer } from './writer.js'

/** What an account has on disk when it is opened. */
export interface KeptAccount {
  /** Undefined for an account that is new. */
  readonly committed: bigint | undefined
  readonly holds: readonly KeptHold[]
  readonly money: readonly KeptMoney[]
}

/** What the ledgers of a store share. */
export interface Shared {
  readonly database: Database
  readonly writer: Writer
  readonly clock: Clock
  /** When the holds of processes that are gone end. */
  readonly expiries: Deadlines
  /** Throws once the store is closed, or was another process's. */
  assertOpen(): void
}

/**
 * The books of one account, in memory and on disk. A call changes the memory at once, and resolves when the disk has it.
 * What fails to be written is not taken back: the caller releases what it does not want, and the next batch tries again.
 *
 * One process alone has the store, so what is known of a live hold stands in its id, as with the ledger in memory.
 */
export class LevelLedger extends Late implements BalanceLedger {
  readonly #account: string
  readonly #balanceKey: string
  readonly #shared: Shared
  #committed: bigint
  /** Whether the disk has a balance, or will have one with the next batch. */
  #kept: boolean
  #holdsIn = 0n
  #holdsOut = 0n
  /** The open holds of this process. The `note` of one that is held or committed is its slot. */
  readonly #held = new Set<HoldId>()
  readonly #slots: Slots
  /** The open holds and the unconfirmed commits of processes that are gone. */
  readonly #lost = new Map<string, KeptHold>()
  /** When those of outgoing packets end. */
  readonly #ends: LostHold[] = []
  readonly #unconfirmed = new Map<string, KeptHold>()
  /** Money out that is on its way or suspended, oldest first. */
  readonly #money = new Map<string, Omit<KeptMoney, 'id'>>()
  #order = 0
  #observer: LedgerObserver | undefined

  constructor(account: string, kept: KeptAccount, shared: Shared) {
    super()
    this.#account = account
    this.#balanceKey = keyOf('balance', account)
    this.#shared = shared
    this.#committed = kept.committed ?? 0n
    this.#kept = kept.committed !== undefined
    this.#slots = new Slots(keyOf('hold', account), kept.holds)
    for (const hold of kept.holds) {
      if (hold.committed) {
        this.#unconfirmed.set(hold.id, hold)
        continue
      }
      this.#lost.set(hold.id, hold)
      this.#addHold(hold.direction, hold.amount)
    }
    for (const { id, ...money } of [...kept.money].sort((one, other) => one.order - other.order)) {
      // nobody knows what became of it
      this.#money.set(id, { ...money, suspended: true })
      this.#order = money.order
    }
  }

  /** Takes care of what processes that are gone have left, the first time; tells who asks what is suspended. */
  async recover(observer: LedgerObserver): Promise<void> {
    const first = this.#observer === undefined
    this.#observer = observer
    if (first) {
      for (const hold of this.#lost.values()) {
        if (hold.direction === 'in') this.#letGoOfLost(hold)
        else this.#endLater(hold)
      }
      for (const [id, money] of this.#money) if (money.suspended) this.#putMoney(id, money)
      await this.#shared.writer.written()
    }
    for (const money of this.#suspended()) observer.suspended(money)
  }

  #endLater(hold: KeptHold): void {
    const end = new LostHold(hold, this)
    this.#ends.push(end)
    this.#shared.expiries.add(end)
  }

  /** Lets no hold end any more. */
  dispose(): void {
    for (const end of this.#ends) this.#shared.expiries.delete(end)
  }

  /** The hold of an outgoing packet whose process is gone has come to its end. */
  expired(hold: KeptHold): void {
    this.#letGoOfLost(hold)
    void this.#shared.writer.written()
    const { id, direction, amount, expiresAt } = hold
    // there is one, as only `recover` lets holds end
    const observer = this.#observer as LedgerObserver
    observer.expired({ id, direction, amount, expiresAt })
  }

  /** The balance, as it is written. */
  override text(): string {
    return this.#committed.toString()
  }

  // ------------------------------------------------------------------------------------------------------------- packets

  hold(
    id: HoldId,
    direction: HoldDirection,
    amount: bigint,
    expiresAt: number,
    limits: Limits
  ): 'over-limit' | Promise<'held'> {
    this.#shared.assertOpen()
    if (id.status === 'new') {
      if (!this.#fits(direction, amount, limits)) return 'over-limit'
      id.status = 'held'
      id.direction = direction
      id.amount = amount
      this.#addHold(direction, amount)
      this.#held.add(id)
      const slot = this.#slots.take(expiresAt)
      id.note = slot
      this.#put(slot.key, holdText('held', id, expiresAt))
    }
    return this.#shared.writer.held()
  }

  #fits(direction: HoldDirection, amount: bigint, { maximum, minimum }: Limits): boolean {
    if (direction === 'in') return maximum === undefined || this.#committed + this.#holdsIn + amount <= maximum
    return minimum === undefined || this.#committed - this.#holdsOut - amount >= minimum
  }

  commit(id: HoldId): Promise<void> {
    this.#shared.assertOpen()
    const { status } = id
    if (status === 'new') return Promise.reject(new InvalidFieldsError('Cannot commit a hold that was never made'))
    if (status === 'committed') return this.#shared.writer.written()
    if (status === 'held') this.#letGo(id)
    else id.note = this.#slots.take(id.note as number)
    id.status = 'committed'
    this.#book(id.direction === 'in' ? id.amount : -id.amount)
    const { key, expiresAt } = id.note as Slot
    return this.#write(key, holdText('committed', id, expiresAt))
  }

  release(id: HoldId): Promise<void> {
    this.#shared.assertOpen()
    if (id.status === 'held') {
      this.#letGo(id)
      id.status = 'released'
      const slot = id.note as Slot
      // a commit may come all the same
      id.note = slot.expiresAt
      this.#shared.writer.delete(slot.key)
      this.#slots.give(slot)
    }
    return this.#shared.writer.written()
  }

  confirm(ids: readonly HoldId[]): Promise<void> {
    this.#shared.assertOpen()
    for (const id of ids) {
      if (id.status !== 'committed' || id.note === undefined) continue
      const slot = id.note as Slot
      id.note = undefined
      this.#shared.writer.discard(slot.key)
      this.#slots.give(slot)
    }
    return this.#shared.writer.written()
  }

  // --------------------------------------------------------------------------------------------------------------- money

  move(id: string, delta: bigint, kind: MoveKind): Promise<void> {
    this.#shared.assertOpen()
    return this.#move(id, delta, kind)
  }

  async #move(id: string, delta: bigint, kind: MoveKind): Promise<void> {
    while (!this.#shared.database.isReady) await this.#shared.database.ready()
    if (this.#isKnown(id)) return this.#shared.writer.written()
    this.#book(delta)
    if (kind === 'money-out') return this.#send(id, delta)
    return this.#write(keyOf('moved', this.#account, id), kind === 'adjust' ? 'adjusted' : this.#now())
  }

  settle(id: string, terms: SettlementTerms): Promise<bigint | 'sending' | 'suspended'> {
    this.#shared.assertOpen()
    return this.#settle(id, { ...terms })
  }

  async #settle(id: string, terms: SettlementTerms): Promise<bigint | 'sending' | 'suspended'> {
    if (this.#suspended().length > 0) return 'suspended'
    const money = this.#money.get(id)
    if (money !== undefined) {
      await this.#shared.writer.written()
      return money.amount
    }
    if (this.#money.size > 0) return 'sending'
    const due = terms.target - this.#committed
    if (this.#committed >= terms.threshold || due < terms.smallest) return 0n
    if (!this.#shared.database.isReady) {
      await this.#shared.database.ready()
      // much may be otherwise by now
      return this.#settle(id, terms)
    }
    if (this.#isKnown(id)) return 0n
    this.#book(due)
    await this.#send(id, due)
    return due
  }

  suspend(id: string): Promise<void> {
    this.#shared.assertOpen()
    const money = this.#money.get(id)
    if (money?.suspended === false) {
      const suspended = { ...money, suspended: true }
      this.#money.set(id, suspended)
      this.#putMoney(id, suspended)
    }
    return this.#shared.writer.written()
  }

  resolve(id: string, outcome: 'sent' | 'not-sent'): Promise<void> {
    this.#shared.assertOpen()
    this.#resolveCommit(id, outcome)
    const money = this.#money.get(id)
    if (money !== undefined) {
      this.#money.delete(id)
      if (outcome === 'not-sent') this.#book(-money.amount)
      this.#shared.writer.delete(keyOf('sending', this.#account, id))
      this.#put(keyOf('moved', this.#account, id), this.#now())
    }
    return this.#shared.writer.written()
  }

  #resolveCommit(id: string, outcome: 'sent' | 'not-sent'): void {
    const commit = this.#unconfirmed.get(id)
    if (commit === undefined) return
    this.#unconfirmed.delete(id)
    // the fulfill of an outgoing packet was the peer's: it is owed
    if (outcome === 'not-sent' && commit.direction === 'in') this.#book(-commit.amount)
    this.#shared.writer.delete(commit.key)
  }

  #send(id: string, amount: bigint): Promise<void> {
    const money = { amount, suspended: false, order: ++this.#order }
    this.#money.set(id, money)
    this.#putMoney(id, money)
    return this.#shared.writer.written()
  }

  #isKnown(id: string): boolean {
    return this.#money.has(id) || this.#shared.writer.read(keyOf('moved', this.#account, id)) !== undefined
  }

  // ------------------------------------------------------------------------------------------------------------ what is so

  snapshot(): LedgerSnapshot {
    this.#shared.assertOpen()
    return {
      committed: this.#committed,
      holdsIn: this.#holdsIn,
      holdsOut: this.#holdsOut,
      suspended: this.#suspended()
    }
  }

  outstanding(): Outstanding {
    this.#shared.assertOpen()
    const own = Array.from(this.#held, (id): OpenHold => {
      const { direction, amount, note } = id
      return { id: String(id), direction, amount, expiresAt: (note as Slot).expiresAt, lost: false }
    })
    const lost = Array.from(this.#lost.values(), (hold): OpenHold => ({ ...entryOf(hold), lost: true }))
    return { holds: [...lost, ...own], unconfirmed: Array.from(this.#unconfirmed.values(), entryOf) }
  }

  #suspended(): SuspendedMoney[] {
    return Array.from(this.#money, ([id, { amount, suspended }]) => ({ id, amount, suspended }))
      .filter(({ suspended }) => suspended)
      .map(({ id, amount }) => ({ id, amount }))
  }

  // --------------------------------------------------------------------------------------------------------- the changes

  #book(delta: bigint): void {
    this.#committed += delta
    this.#kept = true
    this.#shared.writer.put(this.#balanceKey, this)
  }

  #put(key: string, value: string): void {
    if (!this.#kept) this.#book(0n)
    this.#shared.writer.put(key, value)
  }

  #write(key: string, value: string): Promise<void> {
    this.#put(key, value)
    return this.#shared.writer.written()
  }

  #putMoney(id: string, money: Omit<KeptMoney, 'id'>): void {
    this.#put(keyOf('sending', this.#account, id), moneyText(money))
  }

  #addHold(direction: HoldDirection, amount: bigint): void {
    if (direction === 'in') this.#holdsIn += amount
    else this.#holdsOut += amount
  }

  #letGo(id: HoldId): void {
    this.#held.delete(id)
    this.#addHold(id.direction, -id.amount)
  }

  #letGoOfLost({ id, direction, amount, key }: KeptHold): void {
    this.#lost.delete(id)
    this.#addHold(direction, -amount)
    this.#shared.writer.delete(key)
  }

  #now(): string {
    return this.#shared.clock.now().toString()
  }
}

function entryOf({ id, direction, amount, expiresAt }: PacketEntry): PacketEntry {
  return { id, direction, amount, expiresAt }
}

class LostHold extends Deadline {
  readonly #hold: KeptHold
  readonly #ledger: LevelLedger

  constructor(hold: KeptHold, ledger: LevelLedger) {
    super(hold.expiresAt)
    this.#hold = hold
    this.#ledger = ledger
  }

  override expire(): void {
    this.#ledger.expired(this.#hold)
  }
}
