import type { Direction, ErrorOutcome, LateFulfill, PacketRejected } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** Answered T04, or T00 when the ledger failed or lags behind. */
    'packet-rejected': PacketRejected
    'late-fulfill': LateFulfill
    'hold-expired': HoldEnded
    'hold-recovered': HoldEnded
    'commit-deferred': CommitDeferred
    'commit-resolved': CommitResolved
    'balance-changed': BalanceChanged
    'money-unbooked': MoneyUnbooked
    'settlement-sent': SettlementSent
    'settlement-failed': SettlementFailed
    'settlement-suspended': SettlementSuspended
    'settlement-resolved': SettlementResolved
    'limits-changed': LimitsChanged
    'ledger-failed': LedgerFailed
  }
}

/** A packet in the books. */
export interface Booked {
  /** The hold's name in the ledger. */
  readonly id: string
  readonly direction: Direction
  /** Base units. */
  readonly amount: bigint
  /** When the prepare expires, milliseconds since 1970. */
  readonly expiresAt: number
}

/**
 * `hold-expired`: a packet had no answer by its expiry, or an ambiguous one, or its process is gone; its hold was
 * released. `hold-recovered`: its fulfill came in time by the clock all the same, and was booked.
 */
export interface HoldEnded extends Booked {
  /** Undefined for a packet of a process that is gone. */
  readonly destination: string | undefined
}

/**
 * `commit-deferred`: a fulfill was passed on before it was safe in the books, since its time was running out. The commit
 * is made as soon as the ledger can, and until then new prepares are answered T00; a crash meanwhile loses it.
 */
export interface CommitDeferred extends Booked {
  readonly destination: string
}

/** `commit-resolved`: somebody said whether the fulfill of an unconfirmed commit was passed on. */
export interface CommitResolved extends Booked {
  readonly outcome: 'sent' | 'not-sent'
}

/** `balance-changed`: what is committed now. */
export interface BalanceChanged {
  /** Base units; above zero: the peer owes us. */
  readonly balance: bigint
}

/** `money-unbooked`: incoming money that is not in the books. */
export interface MoneyUnbooked {
  /**
   * What the ledger knows it by, if it was asked: `adjust` it under this id, and it is booked once, even if the ledger has
   * done it all the same. Undefined for the other reasons.
   */
  readonly id: string | undefined
  /** As the plugin gave it. */
  readonly amount: string
  /** The host's handler threw, the ledger failed and is not asked again, or the plugin gave no amount. */
  readonly reason: 'handler-failed' | 'ledger-failed' | 'invalid-amount'
  /** What was thrown. */
  readonly error: unknown
}

/** `settlement-sent`: `settle()` or the threshold made a payment. */
export interface SettlementSent {
  /** Base units. */
  readonly amount: bigint
}

/** `settlement-failed`: a payment of `settle()` or of the threshold threw. */
export interface SettlementFailed {
  /** Base units. */
  readonly amount: bigint
  /** `ambiguous`: it stays debited, and settlement is suspended. Otherwise it was taken back. */
  readonly outcome: ErrorOutcome
  readonly error: unknown
}

/** `settlement-suspended`: nobody knows whether this outgoing money arrived; see `resolve()`. */
export interface SettlementSuspended {
  readonly id: string
  /** Base units. */
  readonly amount: bigint
}

/** `settlement-resolved`: somebody said what became of it. */
export interface SettlementResolved {
  readonly id: string
  readonly outcome: 'sent' | 'not-sent'
}

/** `limits-changed`: by `setLimits()`; `undefined` is no bound. */
export interface LimitsChanged {
  readonly maximum: bigint | undefined
  readonly minimum: bigint | undefined
}

/** `ledger-failed`: the ledger threw, or took too long. */
export interface LedgerFailed {
  readonly operation:
    'open' | 'hold' | 'commit' | 'release' | 'confirm' | 'move' | 'settle' | 'suspend' | 'resolve' | 'snapshot'
  /** Base units; undefined where no amount is concerned. */
  readonly amount: bigint | undefined
  readonly error: unknown
  /** Whether it will be asked again until it does it. If not, the books lack a `commit`, and keep a hold of a `release`. */
  readonly repeated: boolean
}
