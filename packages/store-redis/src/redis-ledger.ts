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
import { InvalidFieldsError } from '@ilp-wrap/core'
import type { Clock } from '@ilp-wrap/core'
import { UnavailableError } from './errors.js'
import type { Keys } from './keys.js'
import type { Lane } from './lane.js'
import type { Link, RunOptions } from './link.js'
import type { ScriptName } from './scripts.js'

/** So many ids are confirmed by one script. */
const CONFIRMED_AT_ONCE = 500

/** So many holds, commits and releases are done by one script at most. */
const BATCH = 500

/** The latest time that a Date can be. */
const LATEST = 8_640_000_000_000_000

/** What the ledgers of one store have in common. */
export interface Process {
  readonly link: Link
  readonly clock: Clock
  /** Names this store among all that share a Redis: the owner of what it holds. */
  readonly owner: string
  readonly leaseMs: number
}

/** What packets ask for, until it is sent to Redis. */
interface Wishes {
  readonly list: {
    readonly args: readonly string[]
    readonly resolve: (done: boolean) => void
    readonly reject: (error: unknown) => void
  }[]
  /** That of the first. */
  readonly deadline: number
}

/**
 * The books of one account in Redis. While anything of this process is open there it has a lease, which tells the others
 * that it lives; `tend`, called from time to time, renews it and puts in order what processes that are gone have left.
 */
export class RedisLedger implements BalanceLedger {
  readonly #process: Process
  readonly #keys: Keys
  readonly #lane: Lane
  #observer: LedgerObserver | undefined
  /** Ids of what this process has open, or may have: holds, commits that are not confirmed, money out. */
  readonly #open = new Set<string>()
  /** Those whose call has failed and may still take effect, by the expiry of the packet; zero for money. */
  #underway: Map<string, number> | undefined
  /** Holds that were never sent to Redis: there is nothing to let go of. */
  #unsent: WeakSet<HoldId> | undefined
  /** Suspended money that the observer knows of. */
  #told: Set<string> | undefined
  #wishes: Wishes | undefined
  /** How many batches of wishes are under way. */
  #batches = 0
  /** When the lease is to be renewed, by the monotonic clock. */
  #renewAt = -Infinity
  #tendedAt = -Infinity
  /** Whether there was nothing left to do at the end of the last `tend`. */
  #atRest = false

  constructor(process: Process, keys: Keys) {
    this.#process = process
    this.#keys = keys
    this.#lane = process.link.to(keys)
  }

  /** Runs a script, after what packets have asked for before. */
  #run(name: ScriptName, args: readonly string[], options?: RunOptions): Promise<unknown> {
    this.#flush()
    return this.#process.link.run(name, this.#keys, args, options)
  }

  async open(observer: LedgerObserver | undefined): Promise<void> {
    await this.#run('check', [], { wait: true })
    if (observer === undefined) return
    this.#observer = observer
    this.#told = undefined
    await this.tend(true)
  }

  // ------------------------------------------------------------------------------------------------------------- packets

  async hold(
    id: HoldId,
    direction: HoldDirection,
    amount: bigint,
    expiresAt: number,
    limits: Limits
  ): Promise<'held' | 'over-limit'> {
    const text = String(id)
    const expiry = Math.max(0, Math.min(Math.ceil(expiresAt), LATEST))
    const limit = direction === 'in' ? limits.maximum : limits.minimum
    const isKnown = this.#open.has(text)
    this.#open.add(text)
    let held: boolean
    try {
      held = await this.#packet([
        direction === 'in' ? 'i' : 'o',
        text,
        amount.toString(),
        expiry.toString(),
        limit === undefined ? '' : limit.toString()
      ])
    } catch (error) {
      if (mayTakeEffect(error)) {
        ;(this.#underway ??= new Map()).set(text, expiry)
      } else if (!isKnown) {
        this.#open.delete(text)
        ;(this.#unsent ??= new WeakSet()).add(id)
      }
      throw error
    }
    this.#underway?.delete(text)
    if (held) return 'held'
    this.#open.delete(text)
    return 'over-limit'
  }

  async commit(id: HoldId): Promise<void> {
    const text = String(id)
    if (await this.#packet(['c', text])) return
    this.#open.delete(text)
    throw new InvalidFieldsError('Cannot commit a hold that is not known')
  }

  async release(id: HoldId): Promise<void> {
    if (this.#unsent?.delete(id) === true) return
    const text = String(id)
    await this.#packet(['r', text, this.#underway?.get(text)?.toString() ?? ''])
    this.#close(text)
  }

  /** Does what one packet asks for, together with what others ask for meanwhile. Gives whether it was done. */
  #packet(args: readonly string[]): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const wish = { args, resolve, reject }
      if (this.#wishes === undefined) {
        this.#wishes = { list: [wish], deadline: this.#process.link.deadline }
        // the next batch leaves when this one is back, and at once, that is, once all who are to go on have done so
        if (this.#batches === 0 || !this.#lane.available) process.nextTick(this.#flush)
        return
      }
      if (this.#wishes.list.push(wish) === BATCH) this.#flush()
    })
  }

  readonly #flush = (): void => {
    const wishes = this.#wishes
    if (wishes === undefined) return
    this.#wishes = undefined
    void this.#send(wishes)
  }

  async #send({ list, deadline }: Wishes): Promise<void> {
    const { link, clock, owner } = this.#process
    const now = clock.monotonic()
    const lease = now < this.#renewAt ? '' : this.#leaseText
    const args = [owner, lease]
    for (const wish of list) args.push(...wish.args)
    this.#batches++
    try {
      const results = (await link.run('packets', this.#keys, args, { deadline })) as number[]
      if (lease !== '') this.#renewed(now)
      for (const [index, { resolve, reject }] of list.entries()) {
        if (results[index] === -1) reject(link.corrupt(this.#keys, 'holds'))
        else resolve(results[index] === 1)
      }
    } catch (error) {
      for (const { reject } of list) reject(error)
    }
    this.#batches--
    this.#flush()
  }

  async confirm(ids: readonly HoldId[]): Promise<void> {
    const texts = ids.map(String)
    for (let from = 0; from < texts.length; from += CONFIRMED_AT_ONCE) {
      const some = texts.slice(from, from + CONFIRMED_AT_ONCE)
      await this.#run('confirm', some)
      for (const text of some) this.#open.delete(text)
    }
  }

  // --------------------------------------------------------------------------------------------------------------- money

  async move(id: string, delta: bigint, kind: MoveKind): Promise<void> {
    const args = [id, delta.toString(), kind, this.#process.owner, this.#leaseText]
    if (kind === 'money-out') await this.#debit('move', id, args)
    else await this.#run('move', args)
  }

  async settle(id: string, terms: SettlementTerms): Promise<bigint | 'sending' | 'suspended'> {
    const { threshold, target, smallest } = terms
    const amounts = [threshold, target, smallest].map(String)
    const found = await this.#debit('settle', id, [id, ...amounts, this.#process.owner, this.#leaseText])
    if (found === 'sending' || found === 'suspended') return found
    return BigInt(found as string)
  }

  /** Money that is on its way needs a lease until it is resolved. */
  async #debit(name: 'move' | 'settle', id: string, args: readonly string[]): Promise<unknown> {
    const now = this.#process.clock.monotonic()
    this.#open.add(id)
    let found: unknown
    try {
      found = await this.#run(name, args)
    } catch (error) {
      if (mayTakeEffect(error)) (this.#underway ??= new Map()).set(id, 0)
      else this.#open.delete(id)
      throw error
    }
    this.#underway?.delete(id)
    if (found === '0' || found === 'sending' || found === 'suspended') this.#open.delete(id)
    else this.#renewed(now)
    return found
  }

  async suspend(id: string): Promise<void> {
    await this.#run('suspend', [id])
    this.#close(id)
    ;(this.#told ??= new Set()).add(id)
  }

  async resolve(id: string, outcome: 'sent' | 'not-sent'): Promise<void> {
    const underway = this.#underway?.has(id) === true ? '1' : '0'
    await this.#run('resolve', [id, outcome, this.#process.owner, underway])
    this.#close(id)
    this.#told?.delete(id)
  }

  // ------------------------------------------------------------------------------------------------------------- looking

  async snapshot(): Promise<LedgerSnapshot> {
    const [committed, holdsIn, holdsOut, suspended] = (await this.#run('snapshot', [this.#process.owner])) as [
      string,
      string,
      string,
      SuspendedReply[]
    ]
    return {
      committed: BigInt(committed),
      holdsIn: BigInt(holdsIn),
      holdsOut: BigInt(holdsOut),
      suspended: suspendedOf(suspended)
    }
  }

  async outstanding(): Promise<Outstanding> {
    const holds = new Map<string, OpenHold>()
    const unconfirmed = new Map<string, PacketEntry>()
    // what changes meanwhile may be seen twice
    for await (const [id, state, direction, amount, expiresAt, gone] of this.#scan<OpenReply>('outstanding')) {
      const entry = {
        id,
        direction: direction === 'i' ? ('in' as const) : ('out' as const),
        amount: BigInt(amount),
        expiresAt: Number(expiresAt)
      }
      holds.delete(id)
      if (state === 'h') holds.set(id, { ...entry, lost: gone === 1 })
      else if (gone === 1) unconfirmed.set(id, entry)
    }
    return { holds: [...holds.values()], unconfirmed: [...unconfirmed.values()] }
  }

  /** Goes through what is open, a part at a time. */
  async *#scan<Item>(name: 'outstanding' | 'recover'): AsyncGenerator<Item> {
    let cursor = '0'
    do {
      const [next, items] = (await this.#run(name, [cursor, this.#process.owner])) as [string, Item[]]
      yield* items
      cursor = next
    } while (cursor !== '0')
  }

  // -------------------------------------------------------------------------------------------------------- other processes

  /**
   * Whether `tend` is due, when it comes round (every third of a lease, or 4 s). An account at rest is looked at once per
   * lease: what others have opened there since had a lease as long.
   */
  get wantsTending(): boolean {
    if (this.#open.size > 0) return true
    const { clock, leaseMs } = this.#process
    return this.#observer !== undefined && (!this.#atRest || clock.monotonic() - this.#tendedAt >= leaseMs)
  }

  /** `opening`: money that any other process has on its way is suspended. */
  async tend(opening = false): Promise<void> {
    const { clock, owner, leaseMs } = this.#process
    const now = clock.monotonic()
    const lease = this.#open.size > 0 ? this.#leaseText : ''
    // when Redis was away from all, each gets the time to come back
    const judges = this.#observer !== undefined && (opening || this.#lane.availableMs > leaseMs / 2)
    let more: number, open: number, settled: number, suspended: SuspendedReply[]
    do {
      const found = await this.#run('tend', [owner, lease, judges ? '1' : '', opening ? '1' : ''])
      ;[more, open, settled, suspended] = found as [number, number, number, SuspendedReply[]]
    } while (more === 1)
    if (lease !== '') this.#renewed(now)
    this.#tellSuspended(suspended)
    if (judges && open > 0) await this.#recover()
    this.#tendedAt = now
    this.#atRest = open === 0 && settled === 0
  }

  #tellSuspended(list: readonly SuspendedReply[]): void {
    for (const money of suspendedOf(list)) {
      if (this.#told?.has(money.id) === true) continue
      ;(this.#told ??= new Set()).add(money.id)
      this.#observer?.suspended(money)
    }
  }

  async #recover(): Promise<void> {
    for await (const [id, amount, expiresAt] of this.#scan<ExpiredReply>('recover')) {
      this.#observer?.expired({ id, direction: 'out', amount: BigInt(amount), expiresAt: Number(expiresAt) })
    }
  }

  /** Ends the lease of this process, if it may have one. */
  async leave(): Promise<void> {
    if (this.#renewAt > -Infinity) await this.#run('leave', [this.#process.owner], { wait: false })
  }

  get #leaseText(): string {
    return this.#process.leaseMs.toString()
  }

  #renewed(at: number): void {
    this.#renewAt = at + this.#process.leaseMs / 3
  }

  /** Nothing of this id is open any more. */
  #close(id: string): void {
    this.#open.delete(id)
    this.#underway?.delete(id)
  }
}

type SuspendedReply = readonly [number: number, id: string, amount: string, entry: string]
type ExpiredReply = readonly [id: string, amount: string, expiresAt: string]
type OpenReply = readonly [
  id: string,
  state: string,
  direction: string,
  amount: string,
  expiresAt: string,
  gone: number
]

/** Oldest first. */
function suspendedOf(list: readonly SuspendedReply[]): SuspendedMoney[] {
  return [...list].sort(([a], [b]) => a - b).map(([, id, amount]) => ({ id, amount: BigInt(amount) }))
}

function mayTakeEffect(error: unknown): boolean {
  return error instanceof UnavailableError ? error.sent : false
}
