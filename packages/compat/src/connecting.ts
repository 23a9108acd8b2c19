import { MAX_TIMEOUT_MS, UnreachableError } from '@ilp-wrap/core'
import type { Clock, ConnectOptions, PluginV1, Timer } from '@ilp-wrap/core'

/**
 * One attempt to connect a v1 plugin at a time: whoever asks meanwhile waits for the same. The attempt ends when it is
 * told to, also where the plugin's own promise never would.
 */
export class Connecting {
  readonly #plugin: PluginV1
  readonly #clock: Clock
  #attempt: Promise<void> | undefined
  #aborted: Error | undefined
  #onAbort: ((error: Error) => void) | undefined

  constructor(plugin: PluginV1, clock: Clock) {
    this.#plugin = plugin
    this.#clock = clock
  }

  get underWay(): boolean {
    return this.#attempt !== undefined
  }

  run(connect: () => Promise<void>): Promise<void> {
    this.#attempt ??= connect().finally(() => {
      this.#attempt = undefined
      this.#aborted = undefined
    })
    return this.#attempt
  }

  /** Connects the plugin, within the time that `options` give (RFC 0024, "connect"). */
  async open(options: ConnectOptions | undefined): Promise<void> {
    let timer: Timer | undefined
    const ended = new Promise<never>((_, reject) => {
      this.#onAbort = reject
      const timeout = options?.timeout
      // 0 and NaN stand for the plugin's own time, what no timer can hold for none
      if (timeout === undefined || !(timeout > 0) || timeout > MAX_TIMEOUT_MS) return
      timer = this.#clock.setTimeout(() => {
        reject(
          new UnreachableError(`The plugin did not connect within ${timeout} ms`, { code: 'ILP_WRAP_CONNECT_TIMEOUT' })
        )
      }, timeout)
    })
    const opened = this.#opened(options)
    try {
      await Promise.race([opened, ended])
    } catch (error) {
      // the host has been told that there is no connection: one that comes later is ended
      opened.then(() => this.#plugin.disconnect()).catch(() => undefined)
      throw error
    } finally {
      if (timer !== undefined) this.#clock.clearTimeout(timer)
      this.#onAbort = undefined
    }
  }

  async #opened(options: ConnectOptions | undefined): Promise<void> {
    await this.#plugin.connect(options)
  }

  /** Ends the attempt that is under way, if one is. */
  abort(error: Error): void {
    if (this.#attempt === undefined) return
    this.#aborted = error
    this.#onAbort?.(error)
  }

  /** Throws if the attempt has been ended before the plugin was asked. */
  assertWanted(): void {
    if (this.#aborted !== undefined) throw this.#aborted
  }
}
