import { PluginError } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface ErrorCodes {
    /**
     * For money, or for data that is no prepare: it was refused and went no further. `retryAfterMs` says when it would
     * pass if nothing else came before it.
     */
    ILP_WRAP_RATE_LIMITED: RateLimitedError
  }
}

/** Data that is no prepare, or money, was refused: it went no further. */
export class RateLimitedError extends PluginError {
  /** Milliseconds until it would pass, if nothing else came before it; `Infinity` if nobody knows. */
  readonly retryAfterMs: number
  /** The mark of an error that proves that nothing was sent. */
  readonly notSent: boolean = true

  constructor(message: string, retryAfterMs: number) {
    super(message, { ilpErrorCode: 'T05', code: 'ILP_WRAP_RATE_LIMITED' })
    this.retryAfterMs = retryAfterMs
  }

  static {
    // on the prototype, as with the errors of core
    Object.defineProperty(this.prototype, 'name', { value: 'RateLimitedError', writable: true, configurable: true })
  }
}
