import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { booksCommand } from './books.js'
import { checkCommand } from './check.js'
import { demoCommand } from './demo.js'
import { newCommand } from './new.js'
import { relayCommand } from './relay.js'
import type { MakeCommand, Terminal } from './terminal.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

const COMMANDS: readonly MakeCommand[] = [demoCommand, checkCommand, newCommand, relayCommand, booksCommand]

/** Runs the command that `args` (without node and script) name. Gives the exit code. */
export async function runCommand(
  args: readonly string[],
  terminal: Terminal,
  commands: readonly MakeCommand[] = COMMANDS
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
  for (const make of commands) program.addCommand(make(terminal, exit))
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
