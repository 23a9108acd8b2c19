import { UnreachableError } from '@ilp-wrap/core'
import type { Clock, PluginV2 } from '@ilp-wrap/core'
import { prepareExpiresAt, reject, withExpiresAt } from '@ilp-wrap/core/packet'
import { wordsOf } from '../config/modules.js'
import { LINKS } from './config.js'
import type { LinkName, RelaySettings } from './config.js'
import { logOf } from './gate.js'
import { Keeper } from './keeper.js'
import type { Links } from './links.js'

export type RelayRules = Pick<RelaySettings, 'reduceMs' | 'minimumWindowMs' | 'passMoney'>

/** What an answer may take from the relay to the wire. */
const FLUSH_MS = 50

/** How long a link may take to disconnect. */
const DISCONNECT_MS = 5000

/** R02: "the sender gave too little time" (RFC 0027, "Error Codes"): a fulfill could come back too late. */
const TOO_SHORT = reject({ code: 'R02', message: 'Too little time is left for the packet' })

const FAR: Readonly<Record<LinkName, LinkName>> = { left: 'right', right: 'left' }

/** Joins two plugins: what comes in at one goes out at the other. */
export class Relay {
  readonly #links: Links
  readonly #rules: RelayRules
  readonly #clock: Clock
  readonly #keepers: readonly (readonly [LinkName, Keeper])[]

  constructor(links: Links, rules: RelayRules, clock: Clock) {
    this.#links = links
    this.#rules = rules
    this.#clock = clock
    this.#keepers = LINKS.map((name) => [name, new Keeper(links[name], clock)])
  }

  /**
   * Connects both links and keeps them so. Resolves once the relay is stopped; rejects with an error that names the link
   * which can be connected no more. The other one goes on until `stop`.
   */
  async run(): Promise<void> {
    for (const name of LINKS) {
      this.#links[name].registerDataHandler((data) => this.#forward(data, this.#links[FAR[name]]))
      this.#links[name].registerMoneyHandler((amount) => this.#pass(amount, this.#links[FAR[name]]))
    }
    await Promise.all(
      this.#keepers.map(([name, keeper]) =>
        keeper.run().catch((cause: unknown) => {
          throw linkError(name, cause)
        })
      )
    )
  }

  /**
   * Takes nothing more, and lets both links go once all that is under way has been answered or has expired. Rejects with
   * the first error of a link that does not forget its handlers, when all the same both have been disconnected.
   */
  async stop(): Promise<void> {
    await this.#links.gate.close()
    await this.#passed(FLUSH_MS)
    for (const [, keeper] of this.#keepers) keeper.stop()
    const errors = await Promise.all(LINKS.map((name) => this.#letGo(name)))
    const first = errors.flat()[0]
    if (first !== undefined) throw first
  }

  /** Gives what a link had against it. */
  async #letGo(name: LinkName): Promise<Error[]> {
    const plugin = this.#links[name]
    const errors: Error[] = []
    for (const method of ['deregisterDataHandler', 'deregisterMoneyHandler'] as const) {
      try {
        plugin[method]()
      } catch (cause) {
        errors.push(linkError(name, cause))
      }
    }
    const gone = plugin.disconnect().catch((error: unknown) => {
      logOf(plugin).error('disconnect failed: %O', error)
    })
    await this.#passed(DISCONNECT_MS, gone)
    return errors
  }

  #forward(data: Buffer, far: PluginV2): Promise<Buffer> {
    const expiresAt = prepareExpiresAt(data)
    if (expiresAt === undefined) return far.sendData(data)
    const { reduceMs, minimumWindowMs } = this.#rules
    const sentExpiry = expiresAt - reduceMs
    if (sentExpiry - this.#clock.now() < minimumWindowMs) return Promise.resolve(Buffer.from(TOO_SHORT))
    return far.sendData(withExpiresAt(data, sentExpiry)).catch((error: unknown) => notSent(error, far))
  }

  /** Unless it is to go on, it is taken: the link's own books have it. */
  #pass(amount: string, far: PluginV2): Promise<void> {
    return this.#rules.passMoney ? far.sendMoney(amount) : Promise.resolve()
  }

  /** Resolves after some time, or before when something has settled. */
  async #passed(ms: number, settled?: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, ms)
      void settled?.then(() => {
        this.#clock.clearTimeout(timer)
        resolve()
      })
    })
  }
}

function linkError(name: LinkName, cause: unknown): Error {
  return new UnreachableError(`\`${name}\`: ${wordsOf(cause)}`, { cause })
}

/**
 * An error for `errorToReject`. T01, unless it has a code of its own: the far link is the next hop, and what it throws
 * means that no answer came from there (RFC 0027, "Error Codes").
 */
function notSent(error: unknown, far: PluginV2): never {
  if (typeof (Object(error) as { ilpErrorCode?: unknown }).ilpErrorCode === 'string') throw error
  logOf(far).warn('a packet was answered with T01: %O', error)
  throw new UnreachableError('The other link did not answer', { cause: error })
}
