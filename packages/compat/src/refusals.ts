import { btpError } from '@ilp-wrap/core'

/**
 * What a v1 plugin's error proves about a transfer (RFC 0004, "Errors"). The classes differ from plugin to plugin, their
 * names do not.
 */

export interface Refusal {
  /** The ILP code that says the same. */
  readonly code: string
  readonly message: string
}

export const INVALID_FIELDS: Refusal = { code: 'F01', message: 'The ledger plugin takes no such transfer' }
export const NOT_ACCEPTED: Refusal = { code: 'F00', message: 'The ledger does not accept the transfer' }

const REFUSALS: ReadonlyMap<string, Refusal> = new Map(
  Object.entries({
    InsufficientBalanceError: { code: 'T04', message: 'The balance on the ledger is too low' },
    InvalidFieldsError: INVALID_FIELDS,
    AccountNotFoundError: { code: 'F02', message: 'There is no such account on the ledger' },
    NotAcceptedError: NOT_ACCEPTED,
    NoSubscriptionsError: { code: 'T01', message: 'Nobody listens on the other side of the ledger' },
    MaximumIlpDataSizeExceeded: { code: 'F01', message: 'The ledger carries no packet of that size' },
    MaximumIlpDataSizeExceededError: { code: 'F01', message: 'The ledger carries no packet of that size' },
    HoldsNotSupported: { code: 'F00', message: 'The ledger has no conditional transfers' },
    HoldsNotSupportedError: { code: 'F00', message: 'The ledger has no conditional transfers' },
    ExpiryNotSupported: { code: 'F00', message: 'The ledger has no transfers that expire' },
    ExpiryNotSupportedError: { code: 'F00', message: 'The ledger has no transfers that expire' }
  })
)

const UNREACHABLE: Refusal = { code: 'T01', message: 'The ledger cannot be reached' }

/**
 * The refusal that an error of `sendTransfer` states: nothing has moved, and nothing will. Undefined for all that may
 * have reached the ledger nevertheless, a DuplicateIdError among it: our ids are fresh, so the ledger has our transfer.
 * An UnreachableError is one when the plugin threw it in place of a promise, before anything could leave.
 */
export function refusalOf(error: unknown, thrownAtOnce: boolean): Refusal | undefined {
  const name = nameOf(error)
  if (name === 'UnreachableError' && thrownAtOnce) return UNREACHABLE
  // a BTP Error is the peer's own answer, and nothing has moved after one (RFC 0023, "Error")
  return REFUSALS.get(name) ?? REFUSALS.get(btpError(error)?.name ?? '')
}

/** An error's name, whatever was thrown. */
export function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { name } = error as { name?: unknown }
  return typeof name === 'string' ? name : ''
}
