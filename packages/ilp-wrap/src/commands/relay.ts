import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { InvalidFieldsError, systemClock } from '@ilp-wrap/core'
import { Command } from 'commander'
import { relaySettings } from '../relay/config.js'
import type { RelaySettings } from '../relay/config.js'
import { dropLinks, linksOf } from '../relay/links.js'
import { RelayService } from '../relay/service.js'
import type { Terminal } from './terminal.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

const NOTES = `
Packets that come in at one link go out at the other, with the same amount and an expiry that is earlier by reduceMs.

SIGTERM and SIGINT end it once what is under way has been answered or has expired; a second one ends it at once.
SIGHUP has it read the limits of the file again.

Examples:
  $ ilp-wrap relay relay.json --check     only look for mistakes
  $ ilp-wrap relay relay.json
  $ curl http://127.0.0.1:9100/health     with { "http": { "port": 9100 } } in relay.json
`

/** Where signals come from: the process. */
export interface Signals {
  on(signal: NodeJS.Signals, listener: () => void): unknown
  removeListener(signal: NodeJS.Signals, listener: () => void): unknown
}

export function relayCommand(terminal: Terminal, exit: (code: number) => void, signals: Signals = process): Command {
  return new Command('relay')
    .description('join two plugins, each with a list of middleware: a sidecar for a link')
    .argument('<config.json>', 'the two plugins; its JSON Schema is ilp-wrap/relay.schema.json')
    .option('--check', 'only look for mistakes in the configuration', false)
    .addHelpText('after', NOTES)
    .action(async (file: string, { check }: { check: boolean }) => {
      const settings = settingsIn(file)
      if (check) {
        dropLinks(linksOf(settings))
        terminal.out.write(`${file}: no mistakes\n`)
        return
      }
      exit(await relay(file, settings, terminal, signals))
    })
}

/** Runs until a signal ends it. Gives the exit code. */
async function relay(file: string, settings: RelaySettings, { out, err }: Terminal, signals: Signals): Promise<number> {
  const service = new RelayService(settings, version, systemClock)
  const say = (text: string): void => void out.write(`${text}\n`)
  const complain = (error: unknown): void => void err.write(`ilp-wrap: ${(error as Error).message}\n`)
  let signalled = false
  const onEnd = (): void => {
    if (signalled) service.abandon()
    else service.stop()
    signalled = true
  }
  const onReload = (): void => {
    try {
      const restart = service.reload(settingsIn(file))
      say(`${file}: limits read again${restart.length > 0 ? `; a restart is needed for ${restart.join(', ')}` : ''}`)
    } catch (error) {
      complain(error)
    }
  }
  const listeners = [
    ['SIGTERM', onEnd],
    ['SIGINT', onEnd],
    ['SIGHUP', onReload]
  ] as const
  for (const [signal, listener] of listeners) signals.on(signal, listener)
  try {
    const port = await service.start()
    const { left, right } = settings
    say(
      `relay between ${left.account} and ${right.account}${port === undefined ? '' : `, http://127.0.0.1:${port}/health`}`
    )
    const { error, abandoned } = await service.ended
    if (error !== undefined) complain(error)
    say(abandoned === undefined ? 'relay ended' : `relay ended at once, with ${abandoned} under way`)
    return error === undefined && abandoned === undefined ? 0 : 1
  } finally {
    for (const [signal, listener] of listeners) signals.removeListener(signal, listener)
  }
}

/** @throws InvalidFieldsError that names the file, and the place in it */
function settingsIn(file: string): RelaySettings {
  let config: unknown
  try {
    config = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new InvalidFieldsError(`${file}: ${wordsOf(cause as Error)}`, { cause })
  }
  if (isDeep(config)) {
    throw new InvalidFieldsError(`${file}: Expected no more than ${MAX_LEVELS} levels of objects and arrays`)
  }
  return relaySettings(config)
}

/** What is held against each other level by level must not use up the stack. */
const MAX_LEVELS = 1000

function isDeep(config: unknown): boolean {
  let level: unknown[] = [config]
  for (let depth = 0; depth <= MAX_LEVELS; depth++) {
    level = level.flatMap((value) => (typeof value === 'object' ? Object.values((value ?? {}) as unknown[]) : []))
    if (level.length === 0) return false
  }
  return true
}

/** A syntax error of JSON comes with a piece of the text, which may be a secret. */
function wordsOf({ name, message }: Error): string {
  if (name !== 'SyntaxError') return message
  return `Expected JSON: ${message.replace(/, (\.\.\.)?".*is not valid JSON$/s, '')}`
}
