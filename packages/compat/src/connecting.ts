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
  /** Rejects when the attempt is to end; of a later attempt another one. */
  #ended: Promise<never> | undefined
  #end: ((error: Error) => void) | undefined

  constructor(plugin: PluginV1, clock: Clock) {
    this.#plugin = plugin
    this.#clock = clock
  }

  get underWay(): boolean {
    return this.#attempt !== undefined
  }

  /** Makes an attempt, within the time that `options` give (RFC 0024, "connect"). */
  run(options: ConnectOptions | undefined, connect: () => Promise<void>): Promise<void> {
    this.#attempt ??= this.#run(options, connect).finally(() => {
      this.#attempt = this.#aborted = this.#ended = this.#end = undefined
    })
    return this.#attempt
  }

  async #run(options: ConnectOptions | undefined, connect: () => Promise<void>): Promise<void> {
    this.#ended = new Promise<never>((_, reject) => {
      this.#end = reject
    })
    // it may end between two steps
    this.#ended.catch(() => undefined)
    const timer = this.#limit(options?.timeout)
    try {
      await connect()
    } finally {
      if (timer !== undefined) this.#clock.clearTimeout(timer)
    }
  }

  #limit(timeout: number | undefined): Timer | undefined {
    // 0 and NaN stand for the plugin's own time, what no timer can hold for none
    if (timeout === undefined || !(timeout > 0) || timeout > MAX_TIMEOUT_MS) return undefined
    return this.#clock.setTimeout(() => {
      this.abort(
        new UnreachableError(`The plugin did not connect within ${timeout} ms`, { code: 'ILP_WRAP_CONNECT_TIMEOUT' })
      )
    }, timeout)
  }

  /** Waits for a step of the attempt, for no longer than it lasts. */
  async within<T>(step: Promise<T>): Promise<T> {
    const result = await Promise.race([step, this.#ended as Promise<never>])
    // it may have ended while the step did
    if (this.#aborted !== undefined) throw this.#aborted
    return result
  }

  /** Connects the plugin. */
  async open(options: ConnectOptions | undefined): Promise<void> {
    const opened = this.#opened(options)
    try {
      await this.within(opened)
    } catch (error) {
      // the host has been told that there is no connection: one that comes later is ended
      opened.then(() => this.#plugin.disconnect()).catch(() => undefined)
      throw error
    }
  }

  async #opened(options: ConnectOptions | undefined): Promise<void> {
    await this.#plugin.connect(options)
  }

  /** Ends the attempt that is under way, if one is. */
  abort(error: Error): void {
    if (this.#attempt === undefined) return
    this.#aborted = error
    this.#end?.(error)
  }
}
