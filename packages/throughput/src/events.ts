import type {} from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PacketRejected {
    /** Milliseconds until it would have passed, if nothing else came before it; absent if it never could. */
    readonly retryAfterMs?: number
  }

  interface PluginEvents {
    /** T04 for what is over the limit now, F08 for what is larger than the burst. */
    'packet-rejected': PacketRejected
  }
}
