import { PluginError } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface ErrorCodes {
    /**
     * For data that is no prepare: as many requests as may are in flight, and it could not wait, or not go in time. It
     * went no further (`notSent: true`) and may be sent again.
     */
    ILP_WRAP_BUSY: BusyError
  }
}

/** Data that is no prepare was refused, as too many requests are in flight: it went no further. */
export class BusyError extends PluginError {
  /** The mark of an error that proves that nothing was sent. */
  readonly notSent: boolean = true

  constructor(message: string) {
    super(message, { ilpErrorCode: 'T03', code: 'ILP_WRAP_BUSY' })
  }

  static {
    // on the prototype, as with the errors of core
    Object.defineProperty(this.prototype, 'name', { value: 'BusyError', writable: true, configurable: true })
  }
}
