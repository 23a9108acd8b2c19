import { Command, InvalidArgumentError, Option } from 'commander'
import { demo } from '../demo/demo.js'
import type { Terminal } from './terminal.js'

interface DemoFlags {
  amount: bigint
  packet: bigint
  seed: number
  json: boolean
  quiet: boolean
}

const EXAMPLES = `
Examples:
  $ ilp-wrap demo                              pay 1,000,000 units over a flaky link
  $ ilp-wrap demo --amount 50000 --packet 10   many small packets
  $ ilp-wrap demo --seed 7 --json              another run of luck, for programs
`

export function demoCommand({ out }: Terminal, exit: (code: number) => void, run: typeof demo = demo): Command {
  return new Command('demo')
    .description('pay by STREAM through wrapped plugins: BTP over a real WebSocket on loopback, and version 1')
    .addOption(unitsOption('--amount <units>', 'units to pay', 1_000_000n))
    .addOption(unitsOption('--packet <units>', 'the most that one packet may carry', 1_000n))
    .option('--seed <number>', 'what the faults on the way are drawn from', seed, 1)
    .option('--json', 'print the result as JSON', false)
    .option('--quiet', 'print nothing but errors', false)
    .addHelpText('after', EXAMPLES)
    .action(async ({ amount, packet, seed, json, quiet }: DemoFlags) => {
      const mode = json ? 'json' : quiet ? 'quiet' : 'text'
      exit((await run({ amount, packet, seed, mode, out })) ? 0 : 1)
    })
}

function unitsOption(flags: string, description: string, value: bigint): Option {
  return new Option(flags, description).argParser(units).default(value, String(value))
}

function units(text: string): bigint {
  if (!/^[1-9][0-9]{0,17}$/.test(text)) throw new InvalidArgumentError('Expected a whole number above zero.')
  return BigInt(text)
}

function seed(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number of at most nine digits.')
  return Number(text)
}
