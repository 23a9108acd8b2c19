import { randomUUID } from 'node:crypto'
import type { HoldDirection, HoldId } from './ledger.js'

let prefix: string | undefined
let count = 0

/** A text that no other call, in no other process, has given: `<uuid of the process>-<counter>`. */
export function uniqueId(): string {
  prefix ??= randomUUID()
  return `${prefix}-${++count}`
}

/** A fresh id of a hold, for who uses a ledger without a plugin. */
export function holdId(): HoldId {
  return new PlainHoldId()
}

class PlainHoldId implements HoldId {
  status: HoldId['status'] = 'new'
  direction: HoldDirection = 'in'
  amount = 0n
  note: unknown
  readonly #text = uniqueId()

  toString(): string {
    return this.#text
  }
}
