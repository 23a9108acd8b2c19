import type { Clock } from '@ilp-wrap/core'
import type { AnyRegistry } from '@ilp-wrap/metrics'
import { closeLedgers } from '../config/ledgers.js'
import type { RelaySettings } from './config.js'
import { linksOf } from './links.js'
import type { Links } from './links.js'
import { Relay } from './relay.js'
import { reload } from './reload.js'
import { openStatusServer } from './server.js'
import type { Health, StatusServer } from './server.js'

/** How a service has ended. */
export interface End {
  /** Why, if not because it was told to. */
  readonly error: unknown
  /** How many requests and payments were under way, if it was told not to wait for them. */
  readonly abandoned: number | undefined
}

/** A relay with what an operator has of it, from its start to its end. */
export class RelayService {
  /** Resolves when all is closed, or at once by `abandon`. */
  readonly ended: Promise<End>
  readonly #version: string
  readonly #links: Links
  readonly #relay: Relay
  readonly #settings: RelaySettings
  /** Those whose limits are in force. */
  #limits: RelaySettings
  #server: StatusServer | undefined
  #error: unknown
  #stopping = false
  readonly #closeBooks: () => Promise<void>
  #end!: (end: End) => void

  /** @throws InvalidFieldsError or InvalidServicesError naming the place of a mistake in the settings */
  constructor(settings: RelaySettings, version: string, clock: Clock, closeBooks: () => Promise<void> = closeLedgers) {
    this.#settings = this.#limits = settings
    this.#version = version
    this.#closeBooks = closeBooks
    this.#links = linksOf(settings)
    this.#relay = new Relay(this.#links, settings, clock)
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /**
   * Begins to connect both links, and gives the port where its state can be asked for, if there is to be one.
   *
   * @throws InvalidFieldsError when that port cannot be had
   */
  async start(): Promise<number | undefined> {
    const { port } = this.#settings
    if (port !== undefined) {
      this.#server = await openStatusServer(port, () => this.health(), this.#links.registry as AnyRegistry)
    }
    this.#relay.run().catch((error: unknown) => {
      this.#error = error
      this.stop()
    })
    return this.#server?.port
  }

  health(): Health {
    const { left, right, gate } = this.#links
    return {
      version: this.#version,
      draining: !gate.isOpen,
      underWay: gate.size,
      left: { account: this.#settings.left.account, connected: left.isConnected() },
      right: { account: this.#settings.right.account, connected: right.isConnected() }
    }
  }

  /**
   * Takes over the limits of other settings. Gives the places of what else differs from those that it was started with.
   *
   * @throws InvalidFieldsError or InvalidServicesError naming the place of a mistake; nothing is changed then
   */
  reload(settings: RelaySettings): string[] {
    const restart = reload(this.#links, { started: this.#settings, limits: this.#limits }, settings)
    this.#limits = settings
    return restart
  }

  /** Takes nothing more, and ends once what is under way has been answered or has expired. */
  stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    void this.#close()
  }

  /** Ends at once. */
  abandon(): void {
    this.#end({ error: this.#error, abandoned: this.#links.gate.size })
  }

  async #close(): Promise<void> {
    // each whatever became of those before: books that are not closed have their last commits in doubt
    for (const step of [() => this.#relay.stop(), this.#closeBooks, () => this.#server?.close()]) {
      try {
        await step()
      } catch (error) {
        this.#error ??= error
      }
    }
    this.#end({ error: this.#error, abandoned: undefined })
  }
}
