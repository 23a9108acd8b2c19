import type { Direction, PacketRejected } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** A repeated prepare was not sent on: it gets the answer of the one before. */
    'packet-deduplicated': PacketDeduplicated
    /** A repeated prepare that waited for the answer of another was answered with R00 at its own expiry. */
    'packet-rejected': PacketRejected
  }
}

/** Of the repeated prepare. */
export interface PacketDeduplicated {
  readonly direction: Direction
  /** Base units. */
  readonly amount: bigint
  readonly destination: string
  /** What the one before was: it waited for its answer, or had been fulfilled. */
  readonly original: 'in-flight' | 'fulfilled'
}
