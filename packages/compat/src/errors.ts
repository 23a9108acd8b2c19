import { PluginError } from '@ilp-wrap/core'

/** The peer's plugin or host has refused a request; `ilpErrorCode` is what it gave. */
export class RequestRejectedError extends PluginError {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'RequestRejectedError', writable: true, configurable: true })
  }

  constructor(message: string, ilpErrorCode?: string) {
    super(message, { code: 'ILP_WRAP_REQUEST_REJECTED', ...(ilpErrorCode !== undefined && { ilpErrorCode }) })
  }
}
