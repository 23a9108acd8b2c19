import type { Command } from 'commander'

/** Where a command prints: results to `out`, errors to `err`. */
export interface Terminal {
  readonly out: Output
  readonly err: Output
}

/** A progress bar is for a terminal, `isTTY`, only. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean }

/** Makes a command, which prints to `terminal` and says by `exit` what the process is to end with if not 0. */
export type MakeCommand = (terminal: Terminal, exit: (code: number) => void) => Command
