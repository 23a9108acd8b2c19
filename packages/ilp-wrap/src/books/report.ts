import type { PacketEntry } from '@ilp-wrap/balance'
import Table from 'cli-table3'
import type { AccountBooks } from './accounts.js'

/** The books as JSON takes them: amounts are decimal strings, times ISO 8601. */
export function booksValue(books: readonly AccountBooks[]): object[] {
  return books.map(({ account, committed, holdsIn, holdsOut, suspended, holds, unconfirmed }) => ({
    account,
    balance: String(committed),
    heldIn: String(holdsIn),
    heldOut: String(holdsOut),
    holds: holds.map((hold) => ({ ...packetValue(hold), lost: hold.lost })),
    unconfirmed: unconfirmed.map(packetValue),
    suspended: suspended.map(({ id, amount }) => ({ id, amount: String(amount) }))
  }))
}

function packetValue({ id, direction, amount, expiresAt }: PacketEntry): object {
  return { id, direction, amount: String(amount), expiresAt: new Date(expiresAt).toISOString() }
}

/** A table of the accounts, and one of what is open in them, if anything is. */
export function booksTable(books: readonly AccountBooks[]): string {
  if (books.length === 0) return 'There are no accounts.\n'
  const accounts = table(['account', 'balance', 'held in', 'held out', 'holds', 'unconfirmed', 'suspended'])
  const open = table(['account', 'what', 'id', 'amount', 'expires'])
  for (const { account, committed, holdsIn, holdsOut, holds, unconfirmed, suspended } of books) {
    const sums = [committed, holdsIn, holdsOut, holds.length, unconfirmed.length, suspended.length]
    accounts.push([account, ...sums.map(String)])
    for (const hold of holds) open.push(packetRow(account, hold.lost ? 'lost hold' : 'hold', hold))
    for (const packet of unconfirmed) open.push(packetRow(account, 'unconfirmed', packet))
    for (const { id, amount } of suspended) open.push([account, 'suspended', id, String(amount), ''])
  }
  return open.length === 0 ? `${accounts.toString()}\n` : `${accounts.toString()}\n${open.toString()}\n`
}

function packetRow(account: string, what: string, { id, direction, amount, expiresAt }: PacketEntry): string[] {
  return [account, `${what}, ${direction}`, id, String(amount), new Date(expiresAt).toISOString()]
}

function table(head: string[]): InstanceType<typeof Table> {
  return new Table({ head, style: { head: [], border: [] } })
}
