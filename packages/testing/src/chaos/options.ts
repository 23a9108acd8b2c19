import type { PluginV2 } from '@ilp-wrap/core'
import { badOption, callable, choice, integer, known, milliseconds, string } from '@ilp-wrap/core/options'
import { THROWN_AS } from './doings.js'
import type { ThrownAs } from './doings.js'
import { checkedRates } from './rates.js'
import type { ChaosRates, FullRates } from './rates.js'

export interface ChaosOptions {
  /** The same seed and the same order of calls give the same run. Default: 1. */
  readonly seed?: number
  /** What becomes of what the host sends. Default: nothing. */
  readonly outgoing?: ChaosRates | false
  /** What becomes of what the peer sends. Default: nothing. */
  readonly incoming?: ChaosRates | false
  /** The longest delay, in milliseconds. Default: 50. */
  readonly delayMs?: number
  /** How long a packet waits at most to let another one pass, in milliseconds. Default: 50. */
  readonly reorderMs?: number
  /** What `reject` answers with. Default: T00, T01, T02, T03. */
  readonly rejectCodes?: readonly string[]
  /** How `throw` fails: `not-sent`, `refused`, `ambiguous` (then it was sent half of the times). Default: all three. */
  readonly throwAs?: readonly ThrownAs[]
  /** After how long a lost packet fails, in milliseconds. Default: 35,000, as in ilp-plugin-btp. */
  readonly timeoutMs?: number
  /** How long after its expiry a late answer comes, in milliseconds. Default: 100. */
  readonly lateMs?: number
  /** How long a connection stays cut, in milliseconds. Default: 100. */
  readonly downMs?: number
  /** How long to wait until nothing is on its way, in milliseconds, before a cut is called off. Default: 1000. */
  readonly drainMs?: number
  /**
   * Cuts the connection of the plugin beneath, which is to come back without help. Default: `disconnect()`, and
   * `connect()` after `downMs`, which plugins that live once do not survive.
   */
  readonly cut?: (plugin: PluginV2) => void | Promise<void>
  /** Tells which data to leave alone. Default: none. */
  readonly spare?: (data: Buffer) => boolean
}

/** The options with their defaults, checked. */
export interface Settings {
  readonly seed: number
  readonly outgoing: FullRates | undefined
  readonly incoming: FullRates | undefined
  readonly delayMs: number
  readonly reorderMs: number
  readonly rejectCodes: readonly string[]
  readonly throwAs: readonly ThrownAs[]
  readonly timeoutMs: number
  readonly lateMs: number
  readonly downMs: number
  readonly drainMs: number
  readonly cut: ChaosOptions['cut']
  readonly spare: ChaosOptions['spare']
}

/** @throws InvalidFieldsError for a bad or unknown option */
export function checkedOptions(options: ChaosOptions | undefined): Settings {
  const given = known(options, [
    'seed',
    'outgoing',
    'incoming',
    'delayMs',
    'reorderMs',
    'rejectCodes',
    'throwAs',
    'timeoutMs',
    'lateMs',
    'downMs',
    'drainMs',
    'cut',
    'spare'
  ])
  return {
    seed: integer('seed', given.seed ?? 1, { max: 2 ** 32 - 1 }),
    outgoing: rates('outgoing', given.outgoing),
    incoming: rates('incoming', given.incoming),
    delayMs: milliseconds('delayMs', given.delayMs ?? 50),
    reorderMs: milliseconds('reorderMs', given.reorderMs ?? 50),
    rejectCodes: list('rejectCodes', given.rejectCodes ?? ['T00', 'T01', 'T02', 'T03']).map(code),
    throwAs: list('throwAs', given.throwAs ?? THROWN_AS).map((kind) => choice('throwAs', kind, THROWN_AS)),
    timeoutMs: milliseconds('timeoutMs', given.timeoutMs ?? 35_000),
    lateMs: milliseconds('lateMs', given.lateMs ?? 100),
    downMs: milliseconds('downMs', given.downMs ?? 100),
    drainMs: milliseconds('drainMs', given.drainMs ?? 1000),
    cut: given.cut === undefined ? undefined : callable('cut', given.cut),
    spare: given.spare === undefined ? undefined : callable('spare', given.spare)
  }
}

function rates(name: string, given: ChaosRates | false | undefined): FullRates | undefined {
  return given === undefined || given === false ? undefined : checkedRates(name, given)
}

function list<T>(name: string, given: readonly T[]): readonly T[] {
  if (Array.isArray(given) && given.length > 0) return given as readonly T[]
  return badOption(name, 'a list of one or more', given)
}

function code(given: string): string {
  return /^[FTR]\d\d$/.test(string('rejectCodes', given)) ? given : badOption('rejectCodes', 'error codes', given)
}
