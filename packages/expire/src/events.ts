import type { Direction, LateFulfill, PacketRejected } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** A prepare was answered before it went on: R00 when it had expired, R02 when too little time was left. */
    'packet-rejected': PacketRejected
    /** A prepare had no answer by its expiry, and was answered with R00. */
    'packet-expired': PacketExpired
    /** Data that is no prepare had no answer in time: the caller got a TimeoutError. */
    'request-timed-out': RequestTimedOut
    /** A fulfill came after the expiry. The caller has R00; whether it is paid for is decided by who keeps the books. */
    'late-fulfill': LateFulfill
    /** Another answer came after the caller had its own. */
    'late-answer': LateAnswer
  }
}

export interface PacketExpired {
  readonly direction: Direction
  readonly code: 'R00'
  /** Base units. */
  readonly amount: bigint
  /** Empty if the packet's Buffer has been used again since. */
  readonly destination: string
  /** The expiry as it was sent on, milliseconds since 1970. */
  readonly expiresAt: number
}

export interface RequestTimedOut {
  readonly direction: Direction
  readonly timeoutMs: number
}

export interface LateAnswer {
  readonly direction: Direction
  /** `other`: the answer to data that is no prepare, or bytes that are no ILP packet. */
  readonly answer: 'reject' | 'error' | 'other'
}
