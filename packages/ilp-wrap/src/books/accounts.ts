import type { LedgerSnapshot, LedgerStore, Outstanding } from '@ilp-wrap/balance'
import { InvalidFieldsError } from '@ilp-wrap/core'

/** All that the books of one account say. */
export interface AccountBooks extends LedgerSnapshot, Outstanding {
  readonly account: string
}

/** The books of all accounts, or of one of them, by name. They are only looked at: a process that is gone stays so. */
export async function readBooks(store: LedgerStore, wanted?: string): Promise<AccountBooks[]> {
  const names: string[] = []
  for await (const name of store.accounts()) if (wanted === undefined || name === wanted) names.push(name)
  if (wanted !== undefined && names.length === 0) throw unknownAccount(wanted)
  const books: AccountBooks[] = []
  for (const account of names.sort()) {
    const ledger = await store.open(account)
    books.push({ account, ...(await ledger.snapshot()), ...(await ledger.outstanding()) })
  }
  return books
}

export interface Correction {
  readonly account: string
  /** In base units; above zero, the peer owes us more. */
  readonly delta: bigint
  /** The same correction has the same id, and is booked once. */
  readonly id: string
}

/** Corrects a balance, and calls `begins` before it does. Gives what the books say then. */
export async function adjust(
  store: LedgerStore,
  { account, delta, id }: Correction,
  begins: () => void
): Promise<AccountBooks> {
  await readBooks(store, account)
  const ledger = await store.open(account)
  begins()
  await ledger.move(id, delta, 'adjust')
  return one(store, account)
}

export interface Resolution {
  readonly account: string
  /** Of suspended money, or of an unconfirmed packet. */
  readonly id: string
  readonly outcome: 'sent' | 'not-sent'
}

/** Says what became of something whose outcome is unknown, as `adjust` does. Gives what the books say then. */
export async function resolve(
  store: LedgerStore,
  { account, id, outcome }: Resolution,
  begins: () => void
): Promise<AccountBooks> {
  const { suspended, unconfirmed } = await one(store, account)
  if (![...suspended, ...unconfirmed].some((each) => each.id === id)) {
    throw new InvalidFieldsError(`Nothing of ${account} is suspended or unconfirmed with the id ${id}`)
  }
  const ledger = await store.open(account)
  begins()
  await ledger.resolve(id, outcome)
  return one(store, account)
}

async function one(store: LedgerStore, account: string): Promise<AccountBooks> {
  const [books] = await readBooks(store, account)
  return books as AccountBooks
}

function unknownAccount(account: string): InvalidFieldsError {
  return new InvalidFieldsError(`There are no books of an account ${account}`)
}
