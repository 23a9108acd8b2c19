import type { PacketRejected } from '@ilp-wrap/core'
import type { CloseReason, OpenReason } from './circuit.js'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** T01: the circuit is open, or half-open with all its trials made. */
    'packet-rejected': PacketRejected
    /** From now on nothing is sent to the peer, until trials may go. */
    'circuit-opened': CircuitOpened
    /** The first trial goes. */
    'circuit-half-opened': CircuitHalfOpened
    /** Packets go to the peer again. */
    'circuit-closed': CircuitClosed
    /** Open until `reset()`. */
    'circuit-isolated': CircuitIsolated
  }
}

export interface CircuitOpened {
  readonly reason: OpenReason
  /** Calls and failures in the window that was looked at. */
  readonly calls: number
  readonly failures: number
  /** Milliseconds until the first trial may go. */
  readonly retryAfterMs: number
}

export interface CircuitHalfOpened {
  /** How many calls must succeed. */
  readonly trials: number
}

export interface CircuitClosed {
  readonly reason: CloseReason
}

// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the event says it all
export interface CircuitIsolated {}
