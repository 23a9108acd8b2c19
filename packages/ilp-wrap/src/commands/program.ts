import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import type { MakeCommand, Terminal } from './terminal.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

/** By name. Each brings along what it works with, stores and plugins among it, so it is loaded when it is asked for. */
const COMMANDS = new Map<string, () => Promise<MakeCommand>>([
  ['demo', async () => (await import('./demo.js')).demoCommand],
  ['check', async () => (await import('./check.js')).checkCommand],
  ['new', async () => (await import('./new.js')).newCommand],
  ['relay', async () => (await import('./relay.js')).relayCommand],
  ['books', async () => (await import('./books.js')).booksCommand]
])

/** The one that `args` name, or all, for the help and for what is no command. */
function commandsFor(args: readonly string[]): Promise<MakeCommand[]> {
  const load = COMMANDS.get(args.find((arg) => !arg.startsWith('-')) ?? '')
  return Promise.all(load === undefined ? [...COMMANDS.values()].map((each) => each()) : [load()])
}

/** Runs the command that `args` (without node and script) name. Gives the exit code. */
export async function runCommand(
  args: readonly string[],
  terminal: Terminal,
  commands?: readonly MakeCommand[]
): Promise<number> {
  let code = 0
  const output = {
    writeOut: (text: string) => terminal.out.write(text),
    writeErr: (text: string) => terminal.err.write(text)
  }
  const program = new Command('ilp-wrap')
    .description('Composable middleware for Interledger ledger plugins')
    .version(version)
    .option('--verbose', 'print the stack of an error')
  const exit = (exitCode: number): void => {
    code = exitCode
  }
  for (const make of commands ?? (await commandsFor(args))) program.addCommand(make(terminal, exit))
  for (const command of withAllBelow(program)) command.configureOutput(output).exitOverride()
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    // commander has printed its own message, or the help that was asked for
    if (error instanceof CommanderError) return error.exitCode
    const { verbose } = program.opts<{ verbose?: boolean }>()
    const { message, stack = message } = error as Error
    terminal.err.write(`ilp-wrap: ${verbose === true ? stack : message}\n`)
    return 1
  }
  return code
}

function withAllBelow(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withAllBelow)]
}
