/**
 * Where the books of an account are kept. They are kept in two phases, as a ledger does: a **hold** before a packet
 * goes on, then one **commit** or **release** of it. A balance above zero is what the peer owes us.
 *
 * A ledger in memory answers at once and never gives a promise, so that a packet does not wait; one on disk or shared
 * between processes gives promises, each of which must settle. Every ledger passes `@ilp-wrap/balance/conformance`.
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
 * `String(id)`. The three fields are for the ledger in memory, which keeps what it knows of a hold in them and so needs
 * no table; others leave them alone.
 */
export interface HoldId {
  status: 'new' | 'held' | 'committed' | 'released'
  direction: HoldDirection
  amount: bigint
  toString(): string
}

/** `adjust`: a correction by hand. */
export type MoveKind = 'money-in' | 'money-out' | 'adjust'

/** Outgoing money of which nobody knows whether it arrived. */
export interface SuspendedMoney {
  readonly id: string
  /** In base units, above zero; the balance counts it as sent. */
  readonly amount: bigint
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

/** The books of one account. Amounts are base units; calls on one account take effect in the order they are made. */
export interface BalanceLedger {
  /**
   * Holds `amount` (above zero) if that keeps within the limits: `committed + Σ holds in + amount ≤ maximum`, or
   * `committed − Σ holds out − amount ≥ minimum`. Holds of the other direction never make room. An id that is known
   * already: `held`, and nothing is held again. A hold whose process is gone stops counting within 60 s after
   * `expiresAt` (milliseconds since 1970); those of a live process are its own to release.
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
   * expiry; so ids are known until 60 s after `expiresAt`. Committed already: nothing. Fails for an id it does not know.
   */
  commit(id: HoldId): Awaitable<void>
  /** Lets go of a hold. Unknown or settled: nothing. */
  release(id: HoldId): Awaitable<void>
  /**
   * Changes the balance by `delta`, never checked against any limit, once per `id`. Money out stays open until
   * `resolve`; what a process that is gone has left open counts as suspended.
   */
  move(id: string, delta: bigint, kind: MoveKind): Awaitable<void>
  /** Marks money out whose outcome is unknown. Not open: nothing. */
  suspend(id: string): Awaitable<void>
  /** Closes money out, suspended or not; `not-sent` takes it out of the balance again. Not open: nothing. */
  resolve(id: string, outcome: 'sent' | 'not-sent'): Awaitable<void>
  snapshot(): Awaitable<LedgerSnapshot>
}

/** Keeps the books of many accounts. */
export interface LedgerStore {
  /** The books of `account`, loaded; the same books each time. */
  open(account: string): Awaitable<BalanceLedger>
  /** For the host to call at its end; a plugin's `disconnect()` does not. */
  close(): Promise<void>
}
