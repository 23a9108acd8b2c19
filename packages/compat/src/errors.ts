import { PluginError } from '@ilp-wrap/core'

/** The peer's plugin or host has refused a request; `ilpErrorCode` is what it gave. */
export class RequestRejectedError extends PluginError {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'RequestRejectedError', writable: true, configurable: true })
  }
}
