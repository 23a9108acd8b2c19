import type { Direction } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PacketRejected {
    /** With T05: milliseconds until it would have passed, `Infinity` if nobody knows. */
    readonly retryAfterMs?: number
  }

  interface PluginEvents {
    /** T05 for what is over the limit, T01 for what waited when the plugin was disconnected. */
    'packet-rejected': PacketRejected
    /** A packet waits for its turn (`mode: 'wait'`). */
    'packet-queued': PacketQueued
    /** `sendMoney` was refused by the limit of money. */
    'money-rejected': MoneyRejected
    /** The limiter that stands in for the buckets failed. */
    'limiter-failed': LimiterFailed
  }
}

export interface PacketQueued {
  readonly direction: Direction
  /** Base units; undefined for data that is no prepare. */
  readonly amount: bigint | undefined
  /** Milliseconds that it will have to wait, at least. */
  readonly waitMs: number
  /** How many wait now, this one included. */
  readonly waiting: number
}

export interface MoneyRejected {
  readonly direction: Direction
  /** Base units, as `sendMoney` took it. */
  readonly amount: string
  /** Milliseconds until it would have passed. */
  readonly retryAfterMs: number
}

export interface LimiterFailed {
  readonly direction: Direction
  readonly error: unknown
  /** What was done with the packet: `onLimiterError`. */
  readonly decision: 'allow' | 'reject'
}
