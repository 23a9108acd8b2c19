/** What a line tells of. It never holds data, conditions, fulfillments, error texts or a plugin's options. */
export interface LogEntry {
  readonly outcome: Outcome
  /** Absent for `connection` and `event`. */
  readonly direction?: Direction
  /** Of a prepare or of money, in base units. */
  readonly amount?: bigint | string
  /** ILP address of a prepare. */
  readonly destination?: string
  /** ILP error code of a reject (RFC 0027, "Error Codes"), or of a thrown error that has one. */
  readonly code?: string
  /** The name of a thrown error, or the type of what was thrown instead. */
  readonly error?: string
  /** Of data that is no prepare. */
  readonly bytes?: number
  /** From the call to its answer, in milliseconds. */
  readonly durationMs?: number
  /** `connect`, `disconnect` or `error`; or the event's `source` and `type`. */
  readonly name?: string
  /** The event, for a formatter that wants more of it. */
  readonly event?: object
}

export type Direction = 'incoming' | 'outgoing'
export type Level = 'debug' | 'info' | 'warn' | 'error'

/**
 * - `fulfilled`, `rejected`: a prepare and its answer
 * - `answered`: data that is no prepare, or an answer that is no ILP packet
 * - `failed`: a throw instead of an answer
 * - `money`: a settlement that went through
 * - `connection`: connect, disconnect, error
 * - `event`: what another middleware reports, such as an attempt of `retry`
 */
export type Outcome = 'fulfilled' | 'rejected' | 'answered' | 'failed' | 'money' | 'connection' | 'event'

export const OUTCOMES: readonly Outcome[] = [
  'fulfilled',
  'rejected',
  'answered',
  'failed',
  'money',
  'connection',
  'event'
]

/** One line: `outgoing 1000 g.bob fulfilled 12.3ms`. */
export function formatEntry(entry: LogEntry): string {
  const { direction, amount, destination, bytes, outcome, name, code, error, durationMs } = entry
  const parts = [
    direction,
    outcome === 'money' ? 'money' : undefined,
    amount,
    destination,
    bytes === undefined ? undefined : `${bytes} bytes`,
    outcome === 'money' ? 'moved' : outcome,
    name,
    code,
    error,
    durationMs === undefined ? undefined : `${durationMs.toFixed(1)}ms`
  ]
  return parts.filter((part) => part !== undefined).join(' ')
}

/** The name of what was thrown, and no more: a message may hold anything. Never throws. */
export function errorName(error: unknown): string {
  const name = looked(() => (error instanceof Error ? error.name : undefined))
  return typeof name === 'string' ? name : typeof error
}

/** The ILP code that a thrown error carries for a connector, if any. Never throws. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const code = looked(() => (error as { ilpErrorCode?: unknown }).ilpErrorCode)
  return typeof code === 'string' && /^[FTR]\d\d$/.test(code) ? code : undefined
}

/** What a look at an error gives: a getter that throws, or a proxy that is revoked, says nothing. */
function looked(look: () => unknown): unknown {
  try {
    return look()
  } catch {
    return undefined
  }
}
