import { systemClock } from '@ilp-wrap/core'
import type { PluginV2 } from '@ilp-wrap/core'
import { prepare } from '@ilp-wrap/testing'
import type { Feature, PeerPlugin, Subject } from '@ilp-wrap/testing'
import { openSubject } from './subject.js'
import type { Target } from './target.js'
import { resultWithin } from './within.js'
import type { Result } from './within.js'

/** What not every plugin does, and the suite asks for only where it is done. */
export type CheckedFeature = Exclude<Feature, 'build' | 'incomingExpiry'>

export const FEATURES: readonly CheckedFeature[] = [
  'peer',
  'money',
  'reconnect',
  'lose',
  'refuse',
  'silence',
  'recovers',
  'expiry'
]

export interface Support {
  readonly supported: boolean
  /** How that was found out, or that it was declared. */
  readonly reason: string
}

export type Manifest = Readonly<Record<CheckedFeature, Support>>

/** What the command line declares. */
export type Declared = Readonly<Partial<Record<CheckedFeature, boolean>>>

/** How long what a plugin may do gets to happen. */
const PROBE_MS = 2000

/** When two prepares expire that nobody answers, and how close their ends are if those have nothing to do with it. */
const EXPIRY_MS = 100
const LATER_MS = 60_000
const TOGETHER_MS = 100

/** Gives why it is not so, if it is not. */
type Probe = (scene: ProbeScene) => Promise<string | undefined>

interface ProbeScene {
  readonly plugin: PluginV2
  readonly peer: PeerPlugin | undefined
  readonly lose: () => Promise<void>
}

const PROBES: Partial<Record<CheckedFeature, Probe>> = {
  async money({ plugin, peer }) {
    const arrived = signal()
    peer?.registerMoneyHandler(() => {
      arrived.give()
      return Promise.resolve()
    })
    await plugin.connect()
    await plugin.sendMoney('1')
    return nothingOf(await resultWithin(PROBE_MS, () => arrived.given), 'sendMoney() resolves, and no money arrives')
  },
  async reconnect({ plugin, peer }) {
    await plugin.connect()
    await plugin.disconnect()
    await plugin.connect()
    if (!plugin.isConnected()) return 'connect() after disconnect() resolves, and it is not connected'
    if (peer === undefined) return undefined
    for (const end of [plugin, peer]) end.registerDataHandler((data) => Promise.resolve(data))
    const both = (): Promise<unknown> => Promise.all([plugin, peer].map((end) => end.sendData(Buffer.from('hello'))))
    const answered = await resultWithin(PROBE_MS, both)
    return 'value' in answered ? undefined : 'after disconnect() and connect(), data does not get through both ways'
  },
  async recovers({ plugin, lose }) {
    await plugin.connect()
    const back = signal()
    plugin.on('connect', () => back.give())
    await lose()
    return nothingOf(await resultWithin(PROBE_MS, () => back.given), 'a lost connection stays lost')
  },
  async expiry({ plugin, peer }) {
    peer?.registerDataHandler(() => new Promise(() => undefined))
    await plugin.connect()
    const [soon, later] = [EXPIRY_MS, LATER_MS].map((ms) =>
      resultWithin(PROBE_MS, () => plugin.sendData(prepare({ expiresAt: systemClock.now() + ms })))
    ) as [Promise<Result<Buffer>>, Promise<Result<Buffer>>]
    if ('late' in (await soon)) return 'a prepare that is not answered does not end at its expiry'
    // what ends with it ends by a timeout of the plugin's own
    const together = await resultWithin(TOGETHER_MS, () => later)
    return 'late' in together ? undefined : 'a prepare that is not answered ends, but not at its expiry'
  }
}

/** What the plugin does, each by what was declared, by what the options allow, or by trying it out. */
export async function manifestOf(target: Target, declared: Declared): Promise<Manifest> {
  const subject = await openSubject(target, 'bare')
  await end(subject)
  const possible = possibilities(target, subject)
  const entries: [CheckedFeature, Support][] = []
  for (const feature of FEATURES) entries.push([feature, await supportOf(feature)])
  return Object.fromEntries(entries) as Record<CheckedFeature, Support>

  async function supportOf(feature: CheckedFeature): Promise<Support> {
    const supported = declared[feature]
    if (supported !== undefined) return { supported, reason: 'declared' }
    const obstacle = possible[feature]
    if (obstacle !== undefined) return { supported: false, reason: obstacle }
    const probe = PROBES[feature]
    if (probe === undefined) return { supported: true, reason: 'by the options' }
    const lack = await tryOut(target, probe)
    return { supported: lack === undefined, reason: lack ?? 'tried out' }
  }
}

/** Why a feature cannot be there, given these options. */
function possibilities({ texts }: Target, { peer, network }: Subject): Partial<Record<CheckedFeature, string>> {
  const alone = peer === undefined ? 'no peer: give --peer-options' : undefined
  const unlinked = network === undefined ? 'no {link} in the options' : undefined
  // who is connected to has nothing to be refused
  const called = texts.plugin.includes('{link}') ? undefined : (unlinked ?? '{link} is not in its own options')
  const reasons = {
    peer: alone,
    money: alone,
    expiry: alone,
    lose: unlinked,
    recovers: unlinked,
    refuse: called,
    silence: called
  }
  return Object.fromEntries(Object.entries(reasons).filter(([, reason]) => reason !== undefined))
}

async function tryOut(target: Target, probe: Probe): Promise<string | undefined> {
  const subject = await openSubject(target, 'bare')
  const { plugin, peer, network } = subject
  const lose = async (): Promise<void> => network?.lose?.()
  const tried = await resultWithin(2 * PROBE_MS, () => probe({ plugin, peer, lose }))
  await end(subject)
  if ('late' in tried) return 'it hangs when it is tried out'
  return 'value' in tried ? tried.value : target.words.of(tried.error)
}

async function end(subject: Subject): Promise<void> {
  await resultWithin(PROBE_MS, () => subject.plugin.disconnect())
  await subject.cleanup?.()
}

function nothingOf(result: Result<unknown>, reason: string): string | undefined {
  return 'late' in result ? reason : undefined
}

function signal(): { give: () => void; given: Promise<void> } {
  let give!: () => void
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { give, given }
}
