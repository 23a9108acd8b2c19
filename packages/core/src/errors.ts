/**
 * The errors of the plugin interface, by the names of RFC 0024 ("Errors"), and those that this project adds.
 * Ours have a stable `code`; those that a connector would turn into a reject packet have an `ilpErrorCode` (RFC 0027).
 */

/**
 * The codes of the errors of this project, each with the class of its errors; docs/errors.md is made of this. Each
 * package adds its own by declaration merging:
 * `declare module '@ilp-wrap/core' { interface ErrorCodes { ILP_WRAP_BUSY: BusyError } }`
 */
export interface ErrorCodes {
  /**
   * Thrown when a middleware is made, or when its controls are used: an option has the wrong type or is out of bounds.
   * The message has the option's name, what was expected and what came. Mend the option.
   */
  ILP_WRAP_INVALID_OPTION: InvalidFieldsError
  /**
   * Thrown when a middleware is made: it has no option of that name. The message lists those it has. Most often it is a
   * slip of the pen.
   */
  ILP_WRAP_UNKNOWN_OPTION: InvalidFieldsError
  /**
   * Thrown when a plugin is wrapped: a middleware needs an `account` or a `store`, and the context has none. Give it:
   * `wrap(plugin, middleware, { account, store })`.
   */
  ILP_WRAP_MISSING_SERVICE: InvalidServicesError
  /**
   * No error but a warning in the log, when a plugin is wrapped: a middleware stands on the wrong side of another, or
   * twice in one direction. The stack works; docs/ordering.md says what it may cost.
   */
  ILP_WRAP_ORDER: never
  /**
   * The wrapped plugin was taken apart by `unwrap` and is used all the same. Use the plugin that `unwrap` returned, or
   * wrap that one again.
   */
  ILP_WRAP_UNWRAPPED: PluginError
  /**
   * Of `connect`: there was no connection within the time that the message names, and no attempt had failed by then. It
   * is `connect`'s own `timeout`, or the middleware's default.
   */
  ILP_WRAP_CONNECT_TIMEOUT: UnreachableError
  /** Of `connect`: `disconnect` was called while it was under way. */
  ILP_WRAP_DISCONNECTED: UnreachableError
  /**
   * For data that is no prepare: it waited, for the connection or for its turn, and was never handed to the plugin. It
   * has `notSent: true` and may be sent again. A prepare gets a reject instead.
   */
  ILP_WRAP_NOT_SENT: UnreachableError
  /** There is no connection, and nothing was sent (`notSent: true`). */
  ILP_WRAP_NOT_CONNECTED: UnreachableError
  /**
   * The plugin that had sent it was disconnected before the answer came. The peer may have acted on it: it is not known
   * whether it arrived.
   */
  ILP_WRAP_UNANSWERED: UnreachableError
  /**
   * For data that is no prepare: no answer came within `timeoutMs` or `requestTimeoutMs`. It is not known whether it
   * arrived.
   */
  ILP_WRAP_TIMEOUT: TimeoutError
  /** Of `sendMoney`: the amount is no string of decimal digits (RFC 0024, "sendMoney"). Nothing was sent. */
  ILP_WRAP_INVALID_AMOUNT: InvalidFieldsError
  /**
   * When connecting, and with `store-redis` later, too: what the store has under the key that the message names is not
   * what was written there, or its files are broken. To begin with nothing would forget debts, payments or transfers, so
   * nothing is begun. Restore it. Never delete a key of the books (`store-level`, `store-redis`): the account would begin
   * at zero; docs/operating.md says what to write. What `compat` or `retry` wrote may be deleted once you know that
   * nothing is outstanding.
   */
  ILP_WRAP_CORRUPT_STORE: InvalidServicesError
  /**
   * Of a store that cannot be opened, written or reached. On disk it is an `InvalidServicesError` when connecting, whose
   * message says why (no permission, no space, a path that is no directory), and nothing was changed. Over Redis it is an
   * `UnavailableError`, at any time: a call that was made may have taken effect all the same.
   */
  ILP_WRAP_STORE_UNAVAILABLE: PluginError
  /** Of a ledger: its store was closed by `close()` and is used all the same. Disconnect the plugins first. */
  ILP_WRAP_LEDGER_CLOSED: PluginError
}

/** The code of an error of this project. */
export type ErrorCode = keyof ErrorCodes

/** The base of all errors here; `name` is the name of the class, `String(error)` works. */
export class PluginError extends Error {
  /** The code of the ILP reject that a connector would make of this error (RFC 0027, "Error Codes"). */
  readonly ilpErrorCode: string | undefined
  /** A stable code for programs. */
  readonly code: ErrorCode | undefined

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
  code?: ErrorCode
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
