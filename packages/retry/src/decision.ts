import { btpError, errorOutcome } from '@ilp-wrap/core'
import { FULFILL, REJECT, rejectCode } from '@ilp-wrap/core/packet'

/** Whether an attempt may be followed by another: by its outcome, and by the time that is left. No state, no clock. */

/**
 * What one attempt came to, if it did not succeed:
 * - `not-sent`: proven never to have left this side;
 * - `refused`: the peer's protocol answered with an error, it has done nothing;
 * - `rejected`: an ILP reject, whose code says the rest;
 * - `ambiguous`: a throw after which the peer may have acted, or may still do so;
 * - `expired`: no answer came before the packet expired;
 * - `invalid`: the answer is no ILP packet that one could believe.
 */
export type OutcomeKind = 'not-sent' | 'refused' | 'rejected' | 'ambiguous' | 'expired' | 'invalid'

export interface Outcome {
  readonly kind: OutcomeKind
  /** Of an ILP reject (RFC 0027, "Error Codes") or of a BTP Error (RFC 0023, "Error Codes"). */
  readonly code: string | undefined
}

/** What is sent, as far as it matters here. */
export interface Sent {
  /** Without one it is no prepare. */
  readonly expiresAt: number | undefined
  /** Base units; 0 for what is no prepare. */
  readonly amount: bigint
  readonly destination: string | undefined
}

export interface OutcomeRules {
  /** The codes of ILP rejects after which another attempt is made. */
  readonly codes: ReadonlySet<string>
  /** Decides instead of `codes` among what may be retried at all. */
  readonly retryOn: ((outcome: Outcome, sent: Sent) => boolean) | undefined
  readonly resendAmbiguousZeroAmount: boolean
}

/**
 * The outcome of an answer; undefined for a success: a fulfill, whose content is for `validateFulfillment()` to check, or
 * any answer to what is no prepare.
 */
export function answerOutcome(answer: Uint8Array | null | undefined, sent: Sent): Outcome | undefined {
  if (sent.expiresAt === undefined || answer?.[0] === FULFILL) return undefined
  const code = answer?.[0] === REJECT ? rejectCode(answer) : undefined
  return code === undefined ? INVALID : { kind: 'rejected', code }
}

const INVALID: Outcome = { kind: 'invalid', code: undefined }

export function thrownOutcome(error: unknown): Outcome {
  const kind = errorOutcome(error)
  return { kind, code: kind === 'refused' ? btpError(error)?.code : undefined }
}

/**
 * Whether sending the same bytes again can do no harm. The code of a reject can only widen or narrow this among T
 * rejects: F says that nothing will change, R wants other details, and both are the sender's affair (RFC 0027, "Error
 * Codes"). After an ambiguous outcome the peer may hold, or have paid, the first copy.
 */
export function mayResend(outcome: Outcome, sent: Sent, rules: OutcomeRules): boolean {
  return isHarmless(outcome, sent, rules) && wanted(outcome, sent, rules)
}

function isHarmless({ kind, code }: Outcome, sent: Sent, rules: OutcomeRules): boolean {
  if (kind === 'not-sent') return true
  // requests that are no prepares have no expiry and no class of their own: only what never left may go again
  if (sent.expiresAt === undefined) return false
  if (kind === 'rejected') return code?.startsWith('T') === true
  // a BTP Error: T00 is the one temporary code (RFC 0023, "Error Codes"), F "MUST NOT be retried"
  if (kind === 'refused') return code === 'T00'
  if (kind !== 'ambiguous' || !rules.resendAmbiguousZeroAmount) return false
  // `peer.` addresses settle, route and configure: they may change things without carrying an amount
  return sent.amount === 0n && sent.destination?.startsWith('peer.') === false
}

function wanted(outcome: Outcome, sent: Sent, rules: OutcomeRules): boolean {
  if (rules.retryOn === undefined) return outcome.kind !== 'rejected' || rules.codes.has(String(outcome.code))
  const { expiresAt, amount, destination } = sent
  // a copy, for it to keep
  return rules.retryOn(outcome, { expiresAt, amount, destination })
}

/**
 * A peer that is busy is left alone for a while: one whose BTP Error says T00 (RFC 0023: retry after 1 to 60 seconds),
 * and rejects by T02 and T03 (RFC 0027, "Error Codes": Peer Busy, Connector Busy).
 */
export function isBusy({ kind, code }: Outcome): boolean {
  return kind === 'refused' || (kind === 'rejected' && (code === 'T02' || code === 'T03'))
}

/** Why there is no further attempt. */
export type GiveUpReason =
  'attempts' | 'elapsed' | 'deadline' | 'budget' | 'waiting-full' | 'not-connected' | 'disconnected' | 'not-retryable'

/** When an attempt has failed, and what is known of the next; times in milliseconds since 1970. */
export interface Timing {
  readonly now: number
  /** When the first attempt began. */
  readonly startedAt: number
  /** How long the next attempt would wait. */
  readonly delayMs: number
  /** No attempt but the first starts later. */
  readonly deadline: number
}

/** Why time allows no further attempt; undefined if it does. A wait that would end too late is never begun. */
export function outOfTime(timing: Timing, maxElapsedMs: number): GiveUpReason | undefined {
  if (timing.now - timing.startedAt > maxElapsedMs) return 'elapsed'
  return timing.now + timing.delayMs > timing.deadline ? 'deadline' : undefined
}
