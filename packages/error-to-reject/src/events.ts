import type { Direction } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** What was thrown for a prepare was answered with a reject. */
    'error-converted': ErrorConverted
  }
}

export interface ErrorConverted {
  /** Of the prepare. */
  readonly direction: Direction
  /** Of the reject. */
  readonly code: string
  /** What was thrown, the very same; nobody else gets to see it. */
  readonly error: unknown
  /** Of the prepare, base units; undefined if its bytes have changed since, as is `destination`. */
  readonly amount: bigint | undefined
  readonly destination: string | undefined
}
