import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { demoCommand } from './demo.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

/** Runs the command that `args` (without node and script) names. Gives the exit code; all output goes to the terminal. */
export async function runCommand(args: readonly string[]): Promise<number> {
  let code = 0
  const program = new Command('ilp-wrap')
    .description('Composable middleware for Interledger ledger plugins')
    .version(version)
    .option('--verbose', 'print the stack of an error')
    .exitOverride()
    .addCommand(
      demoCommand((exitCode) => {
        code = exitCode
      })
    )
  for (const command of program.commands) command.exitOverride()
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    // commander has printed its own message, or the help that was asked for
    if (error instanceof CommanderError) return error.exitCode
    const verbose = program.opts<{ verbose?: boolean }>().verbose === true
    const text = error instanceof Error ? (verbose ? (error.stack ?? error.message) : error.message) : String(error)
    process.stderr.write(`ilp-wrap: ${text}\n`)
    return 1
  }
  return code
}
