/**
 * The errors of the plugin interface, by the names of RFC 0024 ("Errors"), and those that this project adds.
 * Ours have a stable `code`; those that a connector would turn into a reject packet have an `ilpErrorCode` (RFC 0027).
 */

/** The base of all errors here; `name` is the name of the class, `String(error)` works. */
export class PluginError extends Error {
  /** The code of the ILP reject that a connector would make of this error (RFC 0027, "Error Codes"). */
  readonly ilpErrorCode: string | undefined
  /** A stable code for programs, `ILP_WRAP_…`; each has a heading in docs/errors.md. */
  readonly code: string | undefined

  constructor(message: string, options: PluginErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.ilpErrorCode = options.ilpErrorCode
    this.code = options.code
  }

  static {
    // on the prototype, so that it is not an own, enumerable member of each error
    nameOf(this, 'PluginError')
  }
}

export interface PluginErrorOptions {
  ilpErrorCode?: string
  code?: string
  cause?: unknown
}

/** A field or option is missing, of the wrong type or out of bounds. */
export class InvalidFieldsError extends PluginError {
  static {
    nameOf(this, 'InvalidFieldsError')
  }
  constructor(message: string, options: PluginErrorOptions = {}) {
    super(message, { ilpErrorCode: 'F01', ...options })
  }
}

/** A service that is needed (store, log, account) is missing or unusable. */
export class InvalidServicesError extends PluginError {
  static {
    nameOf(this, 'InvalidServicesError')
  }
}

/** The peer or the ledger understood and said no. */
export class NotAcceptedError extends PluginError {
  static {
    nameOf(this, 'NotAcceptedError')
  }
  constructor(message: string, options: PluginErrorOptions = {}) {
    super(message, { ilpErrorCode: 'F00', ...options })
  }
}

/** The peer cannot be reached now: not connected, or nobody there to handle it. */
export class UnreachableError extends PluginError {
  static {
    nameOf(this, 'UnreachableError')
  }
  constructor(message: string, options: PluginErrorOptions = {}) {
    super(message, { ilpErrorCode: 'T01', ...options })
  }
}

/** Proof that a `sendMoney` moved nothing. */
export class MoneyNotSentError extends PluginError {
  static {
    nameOf(this, 'MoneyNotSentError')
  }
}

export class DataHandlerAlreadyRegisteredError extends PluginError {
  static {
    nameOf(this, 'DataHandlerAlreadyRegisteredError')
  }
}

export class MoneyHandlerAlreadyRegisteredError extends PluginError {
  static {
    nameOf(this, 'MoneyHandlerAlreadyRegisteredError')
  }
}

/** A request that is not a prepare took longer than its limit. */
export class TimeoutError extends PluginError {
  static {
    nameOf(this, 'TimeoutError')
  }
  constructor(message: string, options: PluginErrorOptions = {}) {
    super(message, { ilpErrorCode: 'R00', ...options })
  }
}

function nameOf(constructor: { prototype: object }, name: string): void {
  Object.defineProperty(constructor.prototype, 'name', { value: name, writable: true, configurable: true })
}
