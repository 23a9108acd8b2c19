import { PluginError } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface ErrorCodes {
    /**
     * For data that is no prepare: the circuit to the peer is open, and it went no further (`notSent: true`).
     * `retryAfterMs` says when a trial may pass, `Infinity` while the circuit is isolated. A prepare gets a T01 reject
     * instead.
     */
    ILP_WRAP_CIRCUIT_OPEN: CircuitOpenError
  }
}

/** Data that is no prepare was refused by an open circuit: it went no further. */
export class CircuitOpenError extends PluginError {
  /** Milliseconds until a trial may pass; `Infinity` while the circuit is isolated. */
  readonly retryAfterMs: number
  /** The mark of an error that proves that nothing was sent. */
  readonly notSent: boolean = true

  constructor(retryAfterMs: number) {
    super('The circuit to the peer is open', { ilpErrorCode: 'T01', code: 'ILP_WRAP_CIRCUIT_OPEN' })
    this.retryAfterMs = retryAfterMs
  }

  static {
    // on the prototype, as with the errors of core
    Object.defineProperty(this.prototype, 'name', { value: 'CircuitOpenError', writable: true, configurable: true })
  }
}
