import { PluginError } from '@ilp-wrap/core'

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
