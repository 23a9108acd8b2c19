/** In what a prepare may differ from one that it repeats. */
export interface Terms {
  /** Base units. */
  readonly amount: bigint
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** Whether the answer to a prepare of the terms `held` answers one of the others, too: it asks for no more than that. */
export function covers(held: Terms, amount: bigint, expiresAt: number): boolean {
  return held.amount >= amount && held.expiresAt >= expiresAt
}

export interface Limits {
  /** How many may be held. */
  readonly maxEntries: number
  /** Bytes that they may take. */
  readonly maxBytes: number
}

/** What one takes beside its bytes, about: the object, its amount, its place in a table. */
export const OVERHEAD_BYTES = 256
