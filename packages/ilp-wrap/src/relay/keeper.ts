import { isFinalError } from '@ilp-wrap/core'
import type { Clock, PluginV2, Timer } from '@ilp-wrap/core'
import { logOf } from './gate.js'

/** How long one try to connect may take; the second time holds where a plugin does not heed the first. */
const CONNECT_MS = 10_000
const GIVE_UP_MS = CONNECT_MS + 1000

/** The waits between tries: twice as long each time. */
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5000

/** Keeps a plugin connected until it is stopped, whether or not its own list does so, too. */
export class Keeper {
  readonly #plugin: PluginV2
  readonly #clock: Clock
  #stopped = false
  /** What an `error` event came with: the instance must not be used afterwards (RFC 0024, "Event: `error`"). */
  #broken: { readonly error: unknown } | undefined
  #wake: () => void = () => undefined

  constructor(plugin: PluginV2, clock: Clock) {
    this.#plugin = plugin
    this.#clock = clock
  }

  /** Resolves once it is stopped. Rejects when the plugin can be connected no more: with what it has said. */
  async run(): Promise<void> {
    const wake = (): void => this.#wake()
    this.#plugin.on('connect', wake)
    this.#plugin.on('disconnect', wake)
    this.#plugin.on('error', (error: unknown) => {
      this.#broken = { error }
      wake()
    })
    try {
      await this.#keep()
    } finally {
      // not that of `error`, which would be thrown if nobody listened
      this.#plugin.removeListener('connect', wake)
      this.#plugin.removeListener('disconnect', wake)
    }
    if (this.#broken !== undefined) throw this.#broken.error
  }

  async #keep(): Promise<void> {
    let waitMs = FIRST_WAIT_MS
    while (this.#goesOn()) {
      if (this.#plugin.isConnected()) {
        waitMs = FIRST_WAIT_MS
        await this.#pause(undefined)
        continue
      }
      await this.#connect()
      if (!this.#goesOn() || this.#plugin.isConnected()) continue
      await this.#pause(waitMs)
      waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)
    }
  }

  #goesOn(): boolean {
    return !this.#stopped && this.#broken === undefined
  }

  stop(): void {
    this.#stopped = true
    this.#wake()
  }

  /** One try. Whatever becomes of it after its time is nobody's matter: `isConnected` is asked. */
  async #connect(): Promise<void> {
    let failure: { readonly error: unknown } | undefined
    const trial = this.#plugin.connect({ timeout: CONNECT_MS }).catch((error: unknown) => {
      failure = { error }
    })
    await this.#pause(GIVE_UP_MS, trial)
    if (failure === undefined || this.#stopped) return
    const { error } = failure as { error: unknown }
    if (isFinalError(error)) throw error
    logOf(this.#plugin).warn('not connected, and tried again: %O', error)
  }

  /** Until it is woken, the time has passed, or `settled` has. */
  async #pause(ms: number | undefined, settled?: Promise<void>): Promise<void> {
    let timer: Timer | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (ms !== undefined) timer = this.#clock.setTimeout(resolve, ms)
      void settled?.then(resolve)
    })
    if (timer !== undefined) this.#clock.clearTimeout(timer)
  }
}
