import type { Direction } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** A reply was no valid one, and F05 was given in its place. */
    'reply-rejected': ReplyRejected
  }
}

/**
 * - `empty`: no bytes at all, as from a BTP peer whose response has no `ilp` entry;
 * - `foreign`: no Buffer, or bytes that do not begin with the type of a fulfill or a reject;
 * - `malformed`: bytes that do, but that ilp-packet would not take for one;
 * - `wrong-fulfillment`: a fulfill whose fulfillment is not the preimage of the condition.
 */
export type InvalidReply = 'empty' | 'foreign' | 'malformed' | 'wrong-fulfillment'

export interface ReplyRejected {
  /** Of the prepare. */
  readonly direction: Direction
  readonly reason: InvalidReply
  readonly code: 'F05'
  /** Of the prepare, base units. */
  readonly amount: bigint | undefined
  readonly destination: string | undefined
}
