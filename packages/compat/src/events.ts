import type { Direction } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** The ledger executed a transfer after the host was told that it had failed: money moved that it does not count. */
    'transfer-paid-late': TransferPaidLate
    /** A fulfillment did not fulfill its condition, and was not passed on: the answer is F05. */
    'wrong-fulfillment': WrongFulfillment
    /** The host fulfilled a prepare whose transfer had expired or been cancelled: it is not paid for. */
    'fulfill-too-late': TransferEvent
    /**
     * The v1 plugin threw when it was given the host's fulfillment; whether the ledger has it is not known. Unless the
     * error says that it is refused, it is given again at the next connection before the expiry.
     */
    'fulfill-failed': FulfillFailed
    /** A transfer that had its outcome got another one, which was ignored. */
    'outcome-repeated': OutcomeRepeated
    /** Money came in, and the host did not take it: it has no handler, or the handler threw. */
    'money-unhandled': MoneyUnhandled
    /** The ledger said what became of money after `sendMoney` had told otherwise, or that nobody knows. */
    'money-outcome-late': MoneyOutcomeLate
    /** A transfer that an earlier process had left outstanding has its outcome; nobody waits for it any more. */
    'transfer-recovered': TransferRecovered
    /** The store did not take what is outstanding; transfers go on, and would not survive a restart. */
    'journal-failed': JournalFailed
  }
}

export interface TransferEvent {
  /** The id on the v1 ledger. */
  readonly transferId: string
  /** Base units. */
  readonly amount: bigint
}

export interface TransferPaidLate extends TransferEvent {
  readonly paid: true
}

export interface WrongFulfillment {
  /** The id on the v1 ledger. */
  readonly transferId: string
  /** 'outgoing': from the ledger; 'incoming': from the host. */
  readonly direction: Direction
}

export interface FulfillFailed extends TransferEvent {
  /** What the v1 plugin threw. */
  readonly error: unknown
}

export interface OutcomeRepeated {
  /** The id on the v1 ledger. */
  readonly transferId: string
  readonly outcome: 'fulfill' | 'reject' | 'cancel'
}

export interface MoneyUnhandled {
  /** The id on the v1 ledger. */
  readonly transferId: string
  /** As the plugin gave it. */
  readonly amount: string
  /** What the handler threw, or what is wrong with the amount; undefined if there is no handler. */
  readonly error: unknown
}

export interface MoneyOutcomeLate extends TransferEvent {
  /** Whether the money has moved. */
  readonly sent: boolean
}

export interface TransferRecovered extends TransferEvent {
  readonly outcome: 'fulfilled' | 'rejected' | 'cancelled' | 'unknown'
}

export interface JournalFailed {
  /** What the store threw. */
  readonly error: unknown
}
