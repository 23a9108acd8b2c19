import { randomUUID } from 'node:crypto'
import { Argument, Command, InvalidArgumentError } from 'commander'
import type { LedgerStore } from '@ilp-wrap/balance'
import { adjust, readBooks, resolve } from '../books/accounts.js'
import type { AccountBooks } from '../books/accounts.js'
import { booksTable, booksValue } from '../books/report.js'
import { openStore } from '../books/store.js'
import { wordsOf } from '../config/modules.js'
import type { Terminal } from './terminal.js'

interface StoreFlags {
  prefix?: string
}

interface ListFlags extends StoreFlags {
  account?: string
  json: boolean
}

interface ChangeFlags extends StoreFlags {
  yes: boolean
  json: boolean
}

const STORE = 'redis: or rediss: with host and port, or the directory of a store on disk'

const EXAMPLES = `
A store on disk is looked at while no other process has it open; one in Redis at any time.
What is suspended is outgoing money of which nobody knows whether it arrived; what is unconfirmed was booked, and nobody
knows whether its fulfill was passed on. Ask the peer, then say it with \`resolve\`.

Examples:
  $ ilp-wrap books ./books                                        all accounts, and what is open in them
  $ ilp-wrap books redis://127.0.0.1:6379 --account alice --json  one of them, for programs
  $ ilp-wrap books resolve ./books alice <id> not-sent --yes      the money did not arrive
  $ ilp-wrap books adjust ./books alice -2500 --yes               we owe alice 2500 more
`

export function booksCommand(terminal: Terminal, exit: (code: number) => void): Command {
  return new Command('books')
    .description('look at the books of a store, and put right what only people can know')
    .addHelpText('after', EXAMPLES)
    .addCommand(listCommand(terminal), { isDefault: true })
    .addCommand(resolveCommand(terminal, exit))
    .addCommand(adjustCommand(terminal, exit))
}

function listCommand({ out }: Terminal): Command {
  return new Command('list')
    .description('accounts, balances, open holds, what is unconfirmed and what is suspended')
    .argument('<store-url>', STORE)
    .option('--account <name>', 'of one account only')
    .option('--prefix <text>', 'what the keys in Redis begin with')
    .option('--json', 'print the books as JSON', false)
    .action(async (url: string, { account, json, ...flags }: ListFlags) => {
      const books = await using(url, flags, (store) => readBooks(store, account))
      out.write(json ? jsonOf(books) : booksTable(books))
    })
}

function resolveCommand({ out }: Terminal, exit: (code: number) => void): Command {
  return new Command('resolve')
    .description('say what became of suspended money, or of an unconfirmed packet')
    .argument('<store-url>', STORE)
    .argument('<account>')
    .argument('<id>', 'as the list has it')
    .addArgument(new Argument('<outcome>', 'whether it arrived').choices(['sent', 'not-sent']))
    .option('--prefix <text>', 'what the keys in Redis begin with')
    .option('--yes', 'do it', false)
    .option('--json', 'print the books as JSON', false)
    .action(
      async (
        url: string,
        account: string,
        id: string,
        outcome: 'sent' | 'not-sent',
        { yes, json, ...flags }: ChangeFlags
      ) => {
        if (!yes) {
          out.write(
            `Would say of ${id} of ${account} that it was ${outcome}. Nothing was done: repeat it with --yes.\n`
          )
          exit(1)
          return
        }
        const advice = `It may have been done all the same: repeat it if ${id} is still listed`
        const resolution = { account, id, outcome }
        const books = [await changing(url, flags, advice, (store, begins) => resolve(store, resolution, begins))]
        out.write(json ? jsonOf(books) : booksTable(books))
      }
    )
}

function adjustCommand({ out, err }: Terminal, exit: (code: number) => void): Command {
  return (
    new Command('adjust')
      .description('correct a balance by hand; above zero, the peer owes us more')
      .argument('<store-url>', STORE)
      .argument('<account>')
      .argument('<delta>', 'base units to add, with a sign', units)
      .option('--id <text>', 'the same correction has the same id, and is booked once (default: a new one)')
      .option('--prefix <text>', 'what the keys in Redis begin with')
      .option('--yes', 'do it', false)
      .option('--json', 'print the books as JSON', false)
      // a delta below zero is no option
      .allowUnknownOption()
      .action(
        async (
          url: string,
          account: string,
          delta: bigint,
          { id: given, yes, json, ...flags }: ChangeFlags & { id?: string }
        ) => {
          if (!yes) {
            out.write(`Would add ${delta} to the balance of ${account}. Nothing was done: repeat it with --yes.\n`)
            exit(1)
            return
          }
          const id = given ?? `by-hand-${randomUUID()}`
          const advice = `It may have been booked all the same: repeat it with \`--id ${id}\`, which books it once`
          const books = [
            await changing(url, flags, advice, (store, begins) =>
              adjust(store, { account, delta, id }, () => {
                // before it is done: whoever interrupts it may need the id, too
                if (given === undefined) err.write(`Adds ${delta} to the balance of ${account} under the id ${id}\n`)
                begins()
              })
            )
          ]
          out.write(json ? jsonOf(books) : booksTable(books))
        }
      )
  )
}

async function using<T>(url: string, flags: StoreFlags, work: (store: LedgerStore) => Promise<T>): Promise<T> {
  const store = openStore(url, flags)
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** As `using`. What fails once `work` has called `begins` may have been done; the error ends with that advice then. */
async function changing<T>(
  url: string,
  flags: StoreFlags,
  advice: string,
  work: (store: LedgerStore, begins: () => void) => Promise<T>
): Promise<T> {
  const state = { begun: false }
  try {
    return await using(url, flags, (store) => work(store, () => (state.begun = true)))
  } catch (cause) {
    throw state.begun ? new Error(`${wordsOf(cause)}. ${advice}`, { cause }) : cause
  }
}

function jsonOf(books: readonly AccountBooks[]): string {
  return `${JSON.stringify(booksValue(books), undefined, 2)}\n`
}

function units(text: string): bigint {
  if (!/^[+-]?[0-9]+$/.test(text)) throw new InvalidArgumentError('Expected a whole number of base units.')
  return BigInt(text)
}
