import type { PacketRejected } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** Answered F00: the prepare carries too much data. */
    'packet-rejected': PacketRejected
  }
}
