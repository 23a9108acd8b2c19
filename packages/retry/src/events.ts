import type { LateFulfill } from '@ilp-wrap/core'
import type { GiveUpReason, OutcomeKind } from './decision.js'

declare module '@ilp-wrap/core' {
  interface PacketRejected {
    /** Of `retry`, with T01: why the packet was never handed to the plugin. */
    readonly unsent?: 'waiting-full' | 'disconnected' | 'deadline'
  }

  interface PluginEvents {
    /** R00 for a prepare that had expired; T01 for one that waited for the connection in vain, or could not wait. */
    'packet-rejected': PacketRejected
    /** A fulfill came to a later attempt after the packet had expired and the host been told R00. */
    'late-fulfill': LateFulfill
    /** An attempt failed, and another follows after `delayMs`. */
    'retry-scheduled': RetryEvent & {
      delayMs: number
      /** How many attempts are left, the next one included. */
      remaining: number
    }
    /** An attempt after the first came to an answer that is no failure. */
    'retry-succeeded': { id: number; attempts: number }
    /** The last outcome goes to the host. */
    'retry-abandoned': RetryEvent & { reason: GiveUpReason }
    /** A later attempt was answered after the packet had expired and the host been told R00. */
    'retry-answered-late': { id: number; attempt: number; answer: 'reject' | 'error' | 'other' }
    /** A packet waits for the connection. */
    'packet-delayed': { amount: bigint; destination: string | undefined; maxMs: number }
    /** Connecting failed; another try follows. `error` is the name of what was thrown, its message may hold secrets. */
    'connect-scheduled': { attempt: number; delayMs: number; error: string }
    /** The connection was lost, and the host is not told for up to `maxMs`. */
    'disconnect-held': { maxMs: number }
    /** The connection came back before the host was told of its loss. */
    'disconnect-spared': { afterMs: number }
    /** The plugin says that connecting again is in vain; nothing more is tried. */
    'reconnect-abandoned': { error: string }
    /** Whether money was sent is unknown; it is sent again under the same key after `delayMs`. */
    'money-retry-scheduled': { key: string; amount: string; attempt: number; delayMs: number; error: string }
    /** Money that goes by a key has arrived; `resumed`: its call had ended before, or an earlier process had made it. */
    'money-acknowledged': { key: string; amount: string; attempts: number; resumed: boolean }
  }
}

/** What the events of one packet have in common. */
export interface RetryEvent {
  /** Counts the packets of this plugin that had a failure, from 1. */
  readonly id: number
  /** The attempt that failed, from 1. */
  readonly attempt: number
  readonly outcome: OutcomeKind
  readonly code: string | undefined
  readonly amount: bigint
  readonly destination: string | undefined
}
