import { PluginError } from '@ilp-wrap/core'

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
