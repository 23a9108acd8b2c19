/** What a thrown error says of the reject that is to be made of it. */
export interface ErrorFields {
  /** Undefined if it has none, or what it has is no ILP code. */
  readonly code: string | undefined
  /** Goes with a code alone: F08 tells with it how large a packet may be. */
  readonly data: Buffer | undefined
}

const NONE: ErrorFields = { code: undefined, data: undefined }

/** The most that the data of a packet may take (RFC 0027, "ILP Reject"). */
const MAX_DATA_BYTES = 32_767

/**
 * The fields `ilpErrorCode` and `ilpErrorData`, as ilp-packet's own errors have them. The text of an error is none of
 * them: it may tell of balances, hosts and files. Never throws.
 */
export function fieldsOf(error: unknown): ErrorFields {
  if (typeof error !== 'object' || error === null) return NONE
  try {
    const { ilpErrorCode: code, ilpErrorData: data } = error as { ilpErrorCode?: unknown; ilpErrorData?: unknown }
    if (typeof code !== 'string' || !/^[FTR][0-9]{2}$/.test(code)) return NONE
    return { code, data: Buffer.isBuffer(data) && data.length <= MAX_DATA_BYTES ? data : undefined }
  } catch {
    // a getter that throws says nothing
    return NONE
  }
}
