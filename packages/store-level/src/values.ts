import { InvalidServicesError } from '@ilp-wrap/core'
import type { HoldDirection, PacketEntry } from '@ilp-wrap/balance'
import { nameIn, restOf } from './keys.js'

/** What stands under one key. A text that this package did not write is refused: nothing begins at zero for it. */

export interface KeptHold extends PacketEntry {
  readonly committed: boolean
}

export interface KeptMoney {
  readonly id: string
  readonly amount: bigint
  readonly suspended: boolean
  /** Its place among the money of the account. */
  readonly order: number
}

export function holdText(state: 'held' | 'committed', direction: HoldDirection, amount: bigint, at: number): string {
  return `${state} ${direction} ${amount.toString()} ${at}`
}

export function parseHold(prefix: string, key: string, text: string): KeptHold {
  const id = restOf(key, prefix)
  const parts = /^(held|committed) (in|out) ([1-9][0-9]*) (-?[0-9]+)$/.exec(text)
  if (parts === null) corrupt(key)
  const [, state, direction, amount, expiresAt] = parts as unknown as [string, string, HoldDirection, string, string]
  return { id, direction, amount: BigInt(amount), expiresAt: Number(expiresAt), committed: state === 'committed' }
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
