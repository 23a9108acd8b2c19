import { InvalidServicesError, PluginError } from '@ilp-wrap/core'

/** Redis did not answer in time, or cannot be reached. */
export class UnavailableError extends PluginError {
  /** Whether Redis may have done it all the same, or may still do it. */
  readonly sent: boolean

  constructor(sent: boolean, cause: unknown) {
    super('Redis is not available', { code: 'ILP_WRAP_STORE_UNAVAILABLE', ilpErrorCode: 'T00', cause })
    this.sent = sent
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'UnavailableError', writable: true, configurable: true })
  }
}

export function closedError(): PluginError {
  return new PluginError('The ledger is closed', { code: 'ILP_WRAP_LEDGER_CLOSED' })
}

export function corruptError(key: string): InvalidServicesError {
  return new InvalidServicesError(`What Redis has under the key ${JSON.stringify(key)} was not written there`, {
    code: 'ILP_WRAP_CORRUPT_STORE'
  })
}
