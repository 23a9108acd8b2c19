import { PluginError } from '@ilp-wrap/core'
import type { InvalidFieldsError, TimeoutError } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface ErrorCodes {
    /**
     * Thrown when a plugin is wrapped: the same v1 plugin was wrapped before, with other options or another context. A
     * v1 plugin becomes one v2 plugin; give both stacks the same.
     */
    ILP_WRAP_ALREADY_WRAPPED: InvalidFieldsError
    /**
     * The ledger says that the transfer of a prepare has no condition. What became of the money is not known; look at
     * the ledger.
     */
    ILP_WRAP_TRANSFER_NOT_CONDITIONAL: PluginError
    /**
     * For data that is no prepare: the peer's plugin or host has refused it. `ilpErrorCode` is what it gave, the message
     * its text.
     */
    ILP_WRAP_REQUEST_REJECTED: RequestRejectedError
    /**
     * For `sendMoney`: the v1 plugin took the transfer, and did not emit `outgoing_transfer` within `moneyTimeoutMs`, as
     * it had done before. It is not known whether the money arrived.
     */
    ILP_WRAP_MONEY_UNCONFIRMED: TimeoutError
  }
}

/** The peer's plugin or host has refused a request; `ilpErrorCode` is what it gave. */
export class RequestRejectedError extends PluginError {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'RequestRejectedError', writable: true, configurable: true })
  }

  constructor(message: string, ilpErrorCode?: string) {
    super(message, { code: 'ILP_WRAP_REQUEST_REJECTED', ...(ilpErrorCode !== undefined && { ilpErrorCode }) })
  }
}
