import { Deadlines, UnreachableError, membersOf, pluginDispose, pluginTraits } from '@ilp-wrap/core'
import type {
  ConnectOptions,
  DataHandler,
  Inner,
  Listener,
  MessageV1,
  MoneyHandler,
  PluginV1,
  PluginV2,
  Setup,
  TransferV1
} from '@ilp-wrap/core'
import { isPrepare, prepareAmount, prepareDestination, prepareExpiresAt, reject } from '@ilp-wrap/core/packet'
import { Connecting } from './connecting.js'
import { IncomingTransfers } from './incoming.js'
import { Journal } from './journal.js'
import type { Outstanding } from './journal.js'
import { Ledger } from './ledger.js'
import type { Settings } from './options.js'
import { OutgoingTransfers } from './outgoing.js'
import type { Parts } from './parts.js'
import { Payments } from './payments.js'
import { Requests } from './requests.js'
import { conditionOfPrepare, configOf } from './transfers.js'

/** What `handleOf(plugin, 'compat')` gives. */
export interface CompatHandle {
  /** How many prepares have been sent and have no outcome. */
  readonly outgoing: number
  /** How many prepares the host has not answered. */
  readonly incoming: number
  /** How many calls of `sendMoney` are under way. */
  readonly payments: number
  /** How many requests have no answer. */
  readonly requests: number
  /** The balance that the v1 plugin reports, in its own notation. */
  balance(): Promise<string>
}

/** Where a host asks for its own address (RFC 0031), and the condition of all such prepares: 32 zero bytes fulfill it. */
const CONFIG = 'peer.config'
const PEER_CONDITION = 'Zmh6rfhivXdsj8GLjp-OIAiXFIVu4jOzkCpZHQ1fKSU'

/**
 * A v1 plugin in the shape of a v2 one: what stands at the bottom of a stack. It listens to the plugin while it is
 * connected, and for as long as something of its own is open.
 */
export class CompatPlugin implements PluginV2 {
  static readonly version: number = 2

  // the v1 plugin's own, as all that this class lacks
  declare readonly on: PluginV2['on']
  declare readonly once: PluginV2['once']
  declare readonly removeListener: PluginV2['removeListener']
  declare readonly emit: PluginV2['emit']

  readonly #plugin: PluginV1
  readonly #settings: Settings
  readonly #inner: Inner
  readonly #listeners: readonly (readonly [event: string, listener: Listener])[]
  // what `start` makes, before the plugin is in anybody's hands
  #parts!: Parts
  #outgoing!: OutgoingTransfers
  #incoming!: IncomingTransfers
  #payments!: Payments
  #requests!: Requests
  #connecting!: Connecting
  #journal: Journal | undefined
  #disposed!: () => void

  /** From `connect` to `disconnect`. */
  #started = false
  /** The v1 plugin is disconnecting: it may say that it is connected, and is not to be taken up again. */
  #disconnecting = false
  #listening = false
  /** Our request handler is with the v1 plugin. */
  #answering = false
  /** The v1 plugin has failed to give it up, so that it may have it still. */
  #stuck = false
  /** How often the v1 plugin has been connected, as far as we know. */
  #connections = 0
  /** What an earlier process has left is known. */
  #loaded = false
  #zeroAsRequest: boolean

  constructor(plugin: PluginV1, settings: Settings) {
    this.#plugin = plugin
    this.#settings = settings
    this.#inner = { plugin, methods: new WeakMap() }
    this.#zeroAsRequest = settings.zeroAmount === 'request'
    this.#listeners = [
      ['connect', () => this.#connected()],
      ['info_change', () => this.#parts.ledger.refresh()],
      ['outgoing_prepare', (transfer: TransferV1) => this.#outgoing.submitted(transfer)],
      ['outgoing_transfer', (transfer: TransferV1) => this.#payments.transferred(transfer)],
      [
        'outgoing_fulfill',
        (transfer: TransferV1, fulfillment: unknown, ilp: unknown) =>
          this.#outgoing.fulfilled(transfer, fulfillment, ilp)
      ],
      [
        'outgoing_reject',
        (transfer: TransferV1, reason: unknown) => {
          if (!this.#payments.refused(transfer, reason)) this.#outgoing.rejected(transfer, reason)
        }
      ],
      [
        'outgoing_cancel',
        (transfer: TransferV1, reason: unknown) => {
          if (!this.#payments.refused(transfer, reason)) this.#outgoing.cancelled(transfer)
        }
      ],
      // some plugins wait for what their listeners return
      [
        'incoming_prepare',
        (transfer: unknown) => (isTransfer(transfer) ? this.#incoming.prepared(transfer) : undefined)
      ],
      ['incoming_cancel', (transfer: TransferV1) => this.#incoming.cancelled(transfer)],
      [
        'incoming_transfer',
        (transfer: unknown) => (isTransfer(transfer) ? this.#incoming.transferred(transfer) : undefined)
      ]
    ]
    if (typeof plugin.registerRequestHandler === 'function') return
    this.#listeners = [
      ...this.#listeners,
      ['incoming_message', (message: MessageV1) => this.#requests.message(message)]
    ]
  }

  /** Gives it what the stack has; `disposed` is called when it has let go of the v1 plugin. */
  static start(self: CompatPlugin, setup: Setup, disposed: () => void): CompatHandle {
    const plugin = self.#plugin
    const settings = self.#settings
    const { clock, log, emit } = setup
    const ledger = new Ledger(plugin, settings.connector)
    const deadlines = new Deadlines(clock)
    const background = new Deadlines(clock, { ref: false })
    const closed = (): void => {
      if (!self.#started) self.#stopListening()
    }
    const parts: Parts = { plugin, ledger, clock, log, emit, deadlines, background, closed }
    self.#journal = settings.recovery ? journalOf(setup) : undefined
    self.#loaded = self.#journal === undefined
    self.#parts = parts
    self.#outgoing = new OutgoingTransfers(parts, settings, self.#journal)
    self.#incoming = new IncomingTransfers(parts, settings.remember)
    self.#payments = new Payments(parts, settings.moneyTimeoutMs, settings.remember)
    self.#requests = new Requests(parts, settings)
    self.#connecting = new Connecting(plugin, clock)
    self.#disposed = disposed
    return {
      get outgoing() {
        return self.#outgoing.size
      },
      get incoming() {
        return self.#incoming.size
      },
      get payments() {
        return self.#payments.size
      },
      get requests() {
        return self.#requests.size
      },
      balance: async () => {
        if (plugin.getBalance === undefined) throw new UnreachableError('The v1 plugin does not tell its balance')
        return plugin.getBalance()
      }
    }
  }

  static traitsOf(self: CompatPlugin): readonly string[] {
    const own = (self.#plugin as { [pluginTraits]?: readonly string[] })[pluginTraits] ?? []
    return self.#settings.transfers === 'settle' ? [...own, 'transfers-settle'] : own
  }

  /** Lets go of the v1 plugin and returns it. What is open is answered when it expires. */
  static dispose(self: CompatPlugin): PluginV1 {
    self.#stop()
    self.#requests.abort()
    self.#detach()
    self.#disposed()
    return self.#plugin
  }

  // ---------------------------------------------------------------------------------------------------------- connection

  connect(options?: ConnectOptions): Promise<void> {
    const { underWay } = this.#connecting
    if (this.#started && this.#loaded && !underWay && this.#plugin.isConnected()) return Promise.resolve()
    return this.#connecting.run(options, () => this.#connect(options))
  }

  async #connect(options: ConnectOptions | undefined): Promise<void> {
    if (!this.#loaded) await this.#loadInTime()
    const before = this.#connections
    this.#begin()
    try {
      if (!this.#plugin.isConnected()) await this.#connecting.open(options)
    } catch (error) {
      this.#stop()
      throw error
    }
    // unless its own event has said so
    if (this.#connections === before) this.#connected()
  }

  async disconnect(): Promise<void> {
    this.#connecting.abort(
      new UnreachableError('The plugin was disconnected while it was connecting', { code: 'ILP_WRAP_DISCONNECTED' })
    )
    if (!this.#started && !this.#plugin.isConnected()) return
    this.#disconnecting = true
    this.#stop()
    this.#requests.abort()
    try {
      await this.#plugin.disconnect()
    } finally {
      this.#disconnecting = false
      if ((await this.#journal?.flush(this.#parts.clock)) === false) {
        this.#parts.log.warn('the store takes too long to write what is outstanding')
      }
    }
  }

  isConnected(): boolean {
    const connected: unknown = this.#plugin.isConnected()
    return Boolean(connected)
  }

  /** For a plugin that was connected before it was wrapped, or that is connected behind our back. */
  #join(): boolean {
    if (this.#disconnecting || !this.#plugin.isConnected()) return false
    if (this.#started) return true
    this.#begin()
    if (!this.#loaded) void this.#recover()
    return true
  }

  async #loadInTime(): Promise<void> {
    try {
      await this.#connecting.within(this.#load())
    } catch (error) {
      this.#journal?.giveUp()
      throw error
    }
  }

  /** Takes over what an earlier process has left, once. */
  async #load(): Promise<void> {
    // without a journal there is nothing to load
    this.#adopt(await (this.#journal as Journal).load())
  }

  #adopt(left: readonly Outstanding[]): void {
    if (this.#loaded) return
    this.#loaded = true
    this.#outgoing.adopt(left)
  }

  async #recover(): Promise<void> {
    try {
      await this.#load()
    } catch (error) {
      this.#parts.log.error('what an earlier process has left is not known: %O', error)
      return
    }
    if (this.#started) this.#outgoing.recover()
  }

  #begin(): void {
    this.#listen()
    this.#started = true
    this.#disconnecting = false
    this.#incoming.paused = false
    this.#parts.deadlines.open()
    this.#parts.background.open()
    try {
      this.#startAnswering()
    } catch (error) {
      this.#stop()
      throw error
    }
  }

  #stop(): void {
    this.#started = false
    this.#incoming.paused = true
    this.#stopAnswering()
    this.#parts.deadlines.close()
    this.#parts.background.close()
    this.#stopListening()
  }

  #connected(): void {
    this.#connections++
    this.#parts.ledger.refresh()
    this.#outgoing.recover()
    this.#incoming.resubmit()
  }

  /** Also puts back what a plugin has lost that calls `removeAllListeners` on itself. */
  #listen(): void {
    const plugin = this.#plugin as PluginV1 & { listeners?: (event: string) => unknown[] }
    for (const [event, listener] of this.#listeners) {
      if (this.#listening && plugin.listeners?.(event).includes(listener) !== false) continue
      plugin.on(event, listener)
    }
    this.#listening = true
  }

  #stopListening(): void {
    if (this.#outgoing.waiting > 0 || this.#incoming.size > 0 || this.#payments.size > 0) return
    this.#detach()
  }

  #detach(): void {
    if (!this.#listening) return
    this.#listening = false
    for (const [event, listener] of this.#listeners) this.#plugin.removeListener(event, listener)
  }

  /** A v1 plugin takes one request handler, and the host of the v1 plugin may have given it one. */
  #startAnswering(): void {
    if (this.#answering || this.#requests.handler === undefined) return
    try {
      this.#plugin.registerRequestHandler?.(this.#requests.answer)
    } catch (error) {
      if (!this.#stuck) throw error
    }
    this.#answering = true
    this.#stuck = false
  }

  #stopAnswering(): void {
    if (!this.#answering) return
    this.#answering = false
    try {
      this.#plugin.deregisterRequestHandler?.()
    } catch (error) {
      // what comes after it is not to be left out
      this.#stuck = true
      this.#parts.log.warn('the plugin did not give up its request handler: %O', error)
    }
  }

  // ------------------------------------------------------------------------------------------------------ data and money

  sendData(data: Buffer): Promise<Buffer> {
    if (!Buffer.isBuffer(data)) return Promise.reject(new TypeError('Expected `data` to be a Buffer'))
    if (isPrepare(data)) return this.#sendPrepare(data)
    return this.#join() ? this.#requests.send(data) : Promise.reject(notConnected())
  }

  #sendPrepare(prepare: Buffer): Promise<Buffer> {
    const destination = prepareDestination(prepare) as string
    const amount = prepareAmount(prepare) as bigint
    if (destination === CONFIG && amount === 0n && isPeerRequest(prepare)) return Promise.resolve(this.#config())
    if (!this.#join()) return Promise.reject(notConnected())

    const { ledger, clock } = this.#parts
    const expiresAt = prepareExpiresAt(prepare) as number
    if (clock.now() >= expiresAt) return this.#refuse('R00', 'The packet has expired')
    if (amount === 0n && (this.#zeroAsRequest || isPeerProtocol(destination, ledger))) {
      return this.#requests.sendPrepare(prepare, expiresAt)
    }
    const to = ledger.recipientOf(destination)
    if (to === undefined) return this.#refuse('F02', 'There is no way to the destination from this ledger')
    const otherwise =
      amount === 0n && this.#settings.zeroAmount === 'auto' ? () => this.#sendZero(prepare, expiresAt) : undefined
    return this.#outgoing.send(prepare, amount.toString(), expiresAt, to, otherwise)
  }

  #sendZero(prepare: Buffer, expiresAt: number): Promise<Buffer> {
    this.#zeroAsRequest = true
    return this.#requests.sendPrepare(prepare, expiresAt)
  }

  #refuse(code: string, message: string): Promise<Buffer> {
    return Promise.resolve(reject({ code, message, triggeredBy: this.#parts.ledger.address }))
  }

  /** What the upstream connector of a v2 plugin would say (RFC 0031); a v1 plugin has no such connector to ask. */
  #config(): Buffer {
    const { ledger } = this.#parts
    const triggeredBy = ledger.address
    if (!this.#join()) return reject({ code: 'T01', message: 'The plugin is not connected', triggeredBy })
    const { currency } = ledger
    if (currency === undefined) {
      return reject({ code: 'T00', message: 'The v1 plugin gives no currency scale of 0 to 255', triggeredBy })
    }
    return configOf(ledger.account, currency.scale, currency.code)
  }

  sendMoney(amount: string): Promise<void> {
    return this.#join() ? this.#payments.send(amount) : Promise.reject(notConnected())
  }

  registerDataHandler(handler: DataHandler): void {
    this.#incoming.dataHandler = handler
    this.#requests.handler = handler
    try {
      if (this.#started) this.#startAnswering()
      else this.#join()
    } catch (error) {
      this.deregisterDataHandler()
      throw error
    }
  }

  deregisterDataHandler(): void {
    this.#incoming.dataHandler = undefined
    this.#requests.handler = undefined
    this.#stopAnswering()
  }

  registerMoneyHandler(handler: MoneyHandler): void {
    this.#incoming.moneyHandler = handler
    this.#join()
  }

  deregisterMoneyHandler(): void {
    this.#incoming.moneyHandler = undefined
  }

  static innerOf(value: unknown): Inner | undefined {
    return typeof value === 'object' && value !== null && #inner in value ? value.#inner : undefined
  }
}

// what core asks of a plugin that stands over another one; isolated declarations know no imported symbols as names
Object.defineProperties(CompatPlugin.prototype, {
  [pluginTraits]: {
    get(this: CompatPlugin): readonly string[] {
      return CompatPlugin.traitsOf(this)
    }
  },
  [pluginDispose]: {
    value(this: CompatPlugin): PluginV1 {
      return CompatPlugin.dispose(this)
    }
  }
})

// what it lacks, the v1 plugin has
Object.setPrototypeOf(
  CompatPlugin.prototype,
  membersOf((value) => CompatPlugin.innerOf(value))
)

function journalOf({ store, account, log, emit }: Setup): Journal | undefined {
  if (store === undefined) return undefined
  if (account === undefined) {
    log.warn('compat keeps what is outstanding in the store under the name of the account, and none is given')
    return undefined
  }
  return new Journal(store, account, (error) => {
    log.error('what is outstanding could not be stored: %O', error)
    emit({ type: 'journal-failed', error })
  })
}

/** What can be answered; all else is checked where it is used. */
function isTransfer(value: unknown): value is TransferV1 {
  return typeof value === 'object' && value !== null && typeof (value as TransferV1).id === 'string'
}

/** Packets for the peer itself (RFC 0023, RFC 0031): a ledger with such a prefix has accounts of that form, too. */
function isPeerProtocol(destination: string, ledger: Ledger): boolean {
  return destination.startsWith('peer.') && !ledger.isLocal(destination)
}

function isPeerRequest(prepare: Buffer): boolean {
  return conditionOfPrepare(prepare) === PEER_CONDITION
}

/** Nothing has left: whoever resends it does no harm. */
function notConnected(): UnreachableError {
  const error = new UnreachableError('The plugin is not connected', { code: 'ILP_WRAP_NOT_CONNECTED' })
  return Object.assign(error, { notSent: true })
}
