import type { PacketRejected } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** Answered with F08: the amount is above the maximum. */
    'packet-rejected': PacketRejected
  }
}
