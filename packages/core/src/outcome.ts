/**
 * What a thrown error proves about a call to the peer: the one question on which holds, resends and debits turn.
 */

/**
 * - `not-sent`: it never left this side; nothing moved.
 * - `refused`: the peer answered, and said no; nothing moved.
 * - `ambiguous`: anything else. The peer may have acted on it, or may still do so.
 */
export type ErrorOutcome = 'not-sent' | 'refused' | 'ambiguous'

/** The peer's answer of a BTP Error (RFC 0023, "Error"): a code such as T00 or F00, and its name. */
export interface BtpErrorInfo {
  readonly code: string
  readonly name: string
}

/**
 * What `error`, thrown by `sendData` or `sendMoney`, proves. Only what is certain counts:
 * - `not-sent`: the plugin's own mark `notSent: true`, a `MoneyNotSentError` (by name), or a connection that was never
 *   made (ECONNREFUSED, ENOTFOUND, EAI_AGAIN, EHOSTUNREACH of `connect` or `getaddrinfo`; also when all of several
 *   addresses failed so);
 * - `refused`: a BTP Error (RFC 0023: after an Error the balance MUST NOT have changed), or a `NotAcceptedError` (by
 *   name).
 *
 * A timeout, a socket lost in flight, `undefined` and all else are `ambiguous`. Never throws.
 */
export function errorOutcome(error: unknown): ErrorOutcome {
  if (typeof error !== 'object' || error === null) return 'ambiguous'
  try {
    return classify(error)
  } catch {
    // a getter that throws proves nothing
    return 'ambiguous'
  }
}

/** The BTP Error that the peer answered with, as ilp-plugin-btp throws it: an Error whose message is its JSON. */
export function btpError(error: unknown): BtpErrorInfo | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  try {
    return parse((error as Fields).message)
  } catch {
    return undefined
  }
}

/**
 * Whether `connect` failed for good: the options or the credentials will be as wrong next time. By name, since the
 * plugin's classes need not be ours.
 */
export function isFinalError(error: unknown): boolean {
  return error instanceof Error && FINAL.includes(error.name)
}

const FINAL: readonly string[] = ['InvalidFieldsError', 'InvalidServicesError', 'NotAcceptedError', 'TypeError']

/** What an error may have; each field is checked before it counts. */
interface Fields {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly syscall?: unknown
  readonly errors?: unknown
  readonly notSent?: unknown
}

const NEVER_CONNECTED: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']

function classify(error: Fields): ErrorOutcome {
  if (error.notSent === true || error.name === 'MoneyNotSentError' || neverConnected(error)) return 'not-sent'
  if (error.name === 'NotAcceptedError' || parse(error.message) !== undefined) return 'refused'
  return 'ambiguous'
}

/** The same errno may come from a socket that had already carried the packet: only a failed connect is proof. */
function neverConnected(error: Fields): boolean {
  if (NEVER_CONNECTED.includes(error.code) && (error.syscall === 'connect' || error.syscall === 'getaddrinfo')) {
    return true
  }
  // node tries all addresses of a host, and gathers their failures in an AggregateError
  const { errors } = error
  if (!Array.isArray(errors) || errors.length === 0) return false
  return errors.every((each: unknown) => typeof each === 'object' && each !== null && neverConnected(each))
}

function parse(message: unknown): BtpErrorInfo | undefined {
  if (typeof message !== 'string' || !message.startsWith('{')) return undefined
  let value: unknown
  try {
    value = JSON.parse(message)
  } catch {
    return undefined
  }
  const { code, name } = value as { code?: unknown; name?: unknown }
  if (typeof code !== 'string' || typeof name !== 'string' || !/^[FTR]\d\d$/.test(code)) return undefined
  return { code, name }
}
