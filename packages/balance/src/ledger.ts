/**
 * Where the books of an account are kept. They are kept in two phases, as a ledger does: a **hold** before a packet
 * goes on, then one **commit** or **release** of it. A balance above zero is what the peer owes us.
 *
 * A ledger in memory answers at once and never gives a promise, so that a packet does not wait. One on disk or shared
 * between processes gives promises, each of which must settle; once it has resolved, a crash takes nothing of it back.
 * A call that rejected may have taken effect all the same, or come to do so: to make it again with the same id changes
 * nothing more. `balance()` makes commits, releases, incoming moves, `confirm`, `suspend` and `resolve` again until they
 * are done, unless they fail with an InvalidFieldsError or with the code `ILP_WRAP_LEDGER_CLOSED`, which say that no
 * repetition will help.
 *
 * Every ledger passes `@ilp-wrap/balance/conformance`.
 */

/** What a ledger in memory gives at once, and another one later. */
export type Awaitable<T> = T | Promise<T>

/** `in`: what the peer would owe us. `out`: what we would owe the peer. */
export type HoldDirection = 'in' | 'out'

/** How far a balance may go, each included; `undefined` is no bound. */
export interface Limits {
  /** What the peer may owe us at most. */
  readonly maximum: bigint | undefined
  /** Below zero: what we may owe the peer at most. */
  readonly minimum: bigint | undefined
}

/**
 * Names one hold. The same object is the same hold, and no two holds of any process have the same text: stores go by
 * `String(id)`. The four fields are for ledgers of one process, which keep what they know of a hold in them and so need no
 * table; a ledger that several processes share leaves them alone.
 */
export interface HoldId {
  status: 'new' | 'held' | 'committed' | 'released'
  direction: HoldDirection
  amount: bigint
  /** Undefined at first; whatever else the ledger keeps. */
  note: unknown
  toString(): string
}

/** `adjust`: a correction by hand. */
export type MoveKind = 'money-in' | 'money-out' | 'adjust'

/**
 * When to settle, and how much: nothing unless the balance is below `threshold`; then `target` − balance, if that is at
 * least `smallest` (above zero).
 */
export interface SettlementTerms {
  readonly threshold: bigint
  readonly target: bigint
  readonly smallest: bigint
}

/** Outgoing money of which nobody knows whether it arrived. */
export interface SuspendedMoney {
  readonly id: string
  /** In base units, above zero; the balance counts it as sent. */
  readonly amount: bigint
}

/** What a packet has in the books. */
export interface PacketEntry {
  /** `String(id)` of its HoldId. */
  readonly id: string
  readonly direction: HoldDirection
  /** In base units, above zero. */
  readonly amount: bigint
  /** When its prepare expires, milliseconds since 1970. */
  readonly expiresAt: number
}

/** An open hold. */
export interface OpenHold extends PacketEntry {
  /** Whether its process is gone. */
  readonly lost: boolean
}

/** The books of one account at one moment. */
export interface LedgerSnapshot {
  /** The balance: what has been committed and moved. */
  readonly committed: bigint
  /** The sum of what incoming packets hold, zero or more. */
  readonly holdsIn: bigint
  /** The sum of what outgoing packets hold, zero or more. */
  readonly holdsOut: bigint
  /** Outgoing money with an unknown outcome, oldest first. */
  readonly suspended: readonly SuspendedMoney[]
}

/** What is not settled yet, packet by packet, in any order. */
export interface Outstanding {
  /** The open holds. A ledger in memory keeps no list of them and gives none. */
  readonly holds: readonly OpenHold[]
  /**
   * Commits of processes that are gone which nobody has confirmed: they are booked, and whether their fulfill was passed
   * on is unknown. They stay until `resolve`.
   */
  readonly unconfirmed: readonly PacketEntry[]
}

/** Who is told what becomes of an account without a call of its own. Its methods do not throw. */
export interface LedgerObserver {
  /** The hold of an outgoing packet, whose process is gone, has come to its expiry and was let go of. */
  expired(hold: PacketEntry): void
  /** Outgoing money is suspended which no call of this process has suspended; once for each `open` that finds it, too. */
  suspended(money: SuspendedMoney): void
}

/** The books of one account. Amounts are base units; calls on one account take effect in the order they are made. */
export interface BalanceLedger {
  /**
   * Holds `amount` (above zero) if that keeps within the limits: `committed + Σ holds in + amount ≤ maximum`, or
   * `committed − Σ holds out − amount ≥ minimum`. Holds of the other direction never make room. An id that is known
   * already: `held`, and nothing is held again. `expiresAt` is milliseconds since 1970.
   *
   * The holds of a live process are its own to release, however late. Those of a process that is gone are the ledger's,
   * once somebody has opened the account with an observer: incoming ones are released at once, since their fulfill was
   * not passed on before it was committed; outgoing ones stay held until `expiresAt`, since the peer may still fulfill,
   * are released within 5 s of it, or of when the process is found gone, and `expired` is told.
   */
  hold(
    id: HoldId,
    direction: HoldDirection,
    amount: bigint,
    expiresAt: number,
    limits: Limits
  ): Awaitable<'held' | 'over-limit'>
  /**
   * Books a hold: the balance goes up by an incoming one, down by an outgoing one, whatever the limits say by now. Of a
   * hold that was released it books the amount all the same, since an answer that came in time wins over a release by
   * expiry; so ids are known until 60 s after `expiresAt`, or, since the peer chooses that, for ten minutes after they
   * were settled if that is sooner. Committed already: nothing. Fails with an InvalidFieldsError for an id it does not
   * know.
   */
  commit(id: HoldId): Awaitable<void>
  /** Lets go of a hold. Unknown or settled: nothing. */
  release(id: HoldId): Awaitable<void>
  /**
   * Says of commits that their fulfill was passed on. It comes a second or so after the commit, for many at once; what a
   * process did not live to confirm is listed as `unconfirmed`. A crash may take it back. Unknown, or not committed: nothing.
   */
  confirm(ids: readonly HoldId[]): Awaitable<void>
  /**
   * Changes the balance by `delta`, never checked against any limit, once per `id`. The ids of money are known for an
   * hour at least after it is closed, those of `adjust` for good; a ledger in memory knows the last 256.
   *
   * Money out (`delta` above zero) is on its way until `resolve`: the record `{ id, amount, state: 'sending' }` is
   * written together with the debit, and belongs to this process. When the process is gone, because its lease has ended
   * or because an `open` finds the record, the money counts as suspended. No process takes it over.
   */
  move(id: string, delta: bigint, kind: MoveKind): Awaitable<void>
  /**
   * Moves money out as much as is due by the terms, in one step with the look at the committed balance, so that of
   * several processes one pays: gives the amount (it is now on its way, as after `move`), or `0n` when nothing is due.
   * Does nothing while any money out of the account, of whichever process, is suspended (`suspended`) or on its way
   * (`sending`); suspended comes first. An `id` that is on its way already: its amount again, and nothing is moved; one
   * that is closed: `0n`.
   */
  settle(id: string, terms: SettlementTerms): Awaitable<bigint | 'sending' | 'suspended'>
  /** Marks money out whose outcome is unknown. Not on its way: nothing. */
  suspend(id: string): Awaitable<void>
  /**
   * Closes money out, on its way or suspended; `not-sent` takes it out of the balance again. Takes what is listed as
   * `unconfirmed` off that list; `not-sent`, the fulfill was not passed on, takes an incoming one out of the balance
   * again, while an outgoing one is owed all the same. Nothing of that: nothing.
   */
  resolve(id: string, outcome: 'sent' | 'not-sent'): Awaitable<void>
  snapshot(): Awaitable<LedgerSnapshot>
  outstanding(): Awaitable<Outstanding>
}

/** Keeps the books of many accounts. */
export interface LedgerStore {
  /**
   * The books of `account`, loaded; the same books each time. Without an observer they are only looked at: what a
   * process that is gone has left stays as it is. Of several observers that one process gives, the last is told.
   */
  open(account: string, observer?: LedgerObserver): Awaitable<BalanceLedger>
  /** The names of all accounts that have books, in any order. */
  accounts(): AsyncIterable<string>
  /**
   * For the host to call at its end; a plugin's `disconnect()` does not. Later calls of its ledgers fail with the code
   * `ILP_WRAP_LEDGER_CLOSED`, but for one in memory. May be called again.
   */
  close(): Promise<void>
}
