import type { Direction, PacketRejected } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** T03 for what finds no room or cannot go in time, T01 for what waited when the connection went. */
    'packet-rejected': PacketRejected
    /** The limit is reached: a packet waits for another to be answered. */
    'slot-awaited': SlotAwaited
  }
}

export interface SlotAwaited {
  readonly direction: Direction
  /** Base units; undefined for data that is no prepare. */
  readonly amount: bigint | undefined
  /** How many are in flight. */
  readonly inFlight: number
  /** How many wait now, this one included. */
  readonly waiting: number
}
