import { InvalidServicesError } from '@ilp-wrap/core'
import type { HoldDirection, HoldId, PacketEntry } from '@ilp-wrap/balance'
import { nameIn, restOf } from './keys.js'

/** What stands under one key. A text that this package did not write is refused: nothing begins at zero for it. */

export interface KeptHold extends PacketEntry {
  readonly committed: boolean
  readonly key: string
  /** The number at the end of its key. */
  readonly slot: number
}

export interface KeptMoney {
  readonly id: string
  readonly amount: bigint
  readonly suspended: boolean
  /** Its place among the money of the account. */
  readonly order: number
}

export function holdText(state: 'held' | 'committed', id: HoldId, expiresAt: number): string {
  return `${state} ${id.direction} ${id.amount.toString()} ${expiresAt} ${id.toString()}`
}

export function parseHold(prefix: string, key: string, text: string): KeptHold {
  const slot = restOf(key, prefix)
  const parts = /^(held|committed) (in|out) ([1-9][0-9]*) (-?[0-9]+) (.+)$/s.exec(text)
  if (parts === null || !/^[1-9][0-9]{0,14}$/.test(slot)) corrupt(key)
  const [, state, direction, amount, at, id] = parts as unknown as [
    string,
    string,
    HoldDirection,
    string,
    string,
    string
  ]
  return {
    id,
    direction,
    amount: BigInt(amount),
    expiresAt: Number(at),
    committed: state === 'committed',
    key,
    slot: Number(slot)
  }
}

export function moneyText({ amount, suspended, order }: Omit<KeptMoney, 'id'>): string {
  return `${suspended ? 'suspended' : 'sending'} ${amount.toString()} ${order}`
}

export function parseMoney(prefix: string, key: string, text: string): KeptMoney {
  const id = nameIn(key, prefix)
  const parts = /^(sending|suspended) ([1-9][0-9]*) ([0-9]+)$/.exec(text)
  if (id === undefined || parts === null) corrupt(key)
  const [, state, amount, order] = parts as unknown as [string, string, string, string]
  return { id, amount: BigInt(amount), suspended: state === 'suspended', order: Number(order) }
}

export function parseBalance(key: string, text: string | undefined): bigint {
  if (text === undefined || !/^(0|-?[1-9][0-9]*)$/.test(text)) corrupt(key)
  return BigInt(text)
}

export function corrupt(key: string): never {
  throw new InvalidServicesError(`What the store has under \`${key}\` is not what was written there`, {
    code: 'ILP_WRAP_CORRUPT_STORE'
  })
}
