import { EventEmitter } from 'node:events'
import { systemClock } from '@ilp-wrap/core'
import type { Clock, LedgerInfoV1, Listener, MessageV1, PluginV1, RejectionMessageV1, TransferV1 } from '@ilp-wrap/core'
import { known } from '@ilp-wrap/core/options'
import eventemitter2 from 'eventemitter2'
import { LegacyLedger, legacyError } from './legacy-ledger.js'
import type { LegacyAccount } from './legacy-ledger.js'

// the package is CommonJS, and its class a member of what it exports
const { EventEmitter2 } = eventemitter2

/** In what published v1 plugins differ, each with one that does so. Default of each: false. */
export interface LegacyQuirks {
  /** It is a node EventEmitter; all that are published are of eventemitter2. */
  readonly nodeEmitter?: boolean
  /** It waits for its listeners, which `emitAsync` of eventemitter2 allows (ilp-plugin-bells). */
  readonly awaitListeners?: boolean
  /** What a listener throws is swallowed (ilp-plugin-virtual, ilp-plugin-payment-channel-framework). */
  readonly swallowErrors?: boolean
  /** Events come while `sendTransfer` runs, before it returns. */
  readonly synchronousEvents?: boolean
  /** Each event of a transfer comes twice (ilp-plugin-payment-channel-framework, when a transfer is sent again). */
  readonly doubledEvents?: boolean
  /** `outgoing_cancel` has no reason (ilp-plugin-virtual, ilp-plugin-payment-channel-framework). */
  readonly reasonlessCancel?: boolean
  /** The data of a fulfillment is lost: `outgoing_fulfill` has two arguments (ilp-plugin-virtual). */
  readonly loseData?: boolean
  /**
   * A reason for a rejection is dereferenced after the transfer was cancelled: without a Date in `triggered_at`, a string
   * in `name` and an object in `additional_info` it throws, and the sender is never told; its `message` is lost
   * (ilp-plugin-payment-channel-framework).
   */
  readonly pickyReasons?: boolean
  /** Unconditional transfers are refused (ilp-plugin-payment-channel-framework). */
  readonly conditionalOnly?: boolean
  /** Transfers of amount 0 are taken, as RFC 0004 demands and none does. */
  readonly zeroAmounts?: boolean
  /** There is no `getFulfillment` (ilp-plugin-payment-channel-framework). */
  readonly noFulfillments?: boolean
  /** There are messages, and no requests, as before RFC 0004 had them. */
  readonly messagesOnly?: boolean
}

export interface LegacyPairOptions {
  readonly clock?: Clock
  readonly quirks?: LegacyQuirks
  /** What the addresses on the ledger begin with. Default: `test.legacy.` */
  readonly prefix?: string
  /** Default: `XRP`. */
  readonly currencyCode?: string
  /** Default: 9. */
  readonly currencyScale?: number
  /** Whether `getInfo` names the peer as the connector. Default: true. */
  readonly connectors?: boolean
}

const QUIRKS = [
  'nodeEmitter',
  'awaitListeners',
  'swallowErrors',
  'synchronousEvents',
  'doubledEvents',
  'reasonlessCancel',
  'loseData',
  'pickyReasons',
  'conditionalOnly',
  'zeroAmounts',
  'noFulfillments',
  'messagesOnly'
] as const satisfies readonly (keyof LegacyQuirks)[]

export interface LegacyPair {
  readonly alice: LegacyPlugin
  readonly bob: LegacyPlugin
}

/** Two v1 plugins (RFC 0004) on one ledger in memory: `<prefix>alice` and `<prefix>bob`. Each has to be connected. */
export function legacyPair(options: LegacyPairOptions = {}): LegacyPair {
  const {
    clock = systemClock,
    prefix = 'test.legacy.',
    currencyCode = 'XRP',
    currencyScale = 9,
    connectors = true
  } = known(options, ['clock', 'quirks', 'prefix', 'currencyCode', 'currencyScale', 'connectors'])
  const quirks = known(options.quirks, QUIRKS, 'quirks')
  const ledger = new LegacyLedger(clock, {
    loseData: quirks.loseData === true,
    reasonlessCancel: quirks.reasonlessCancel === true
  })
  const make = (name: string, peer: string): LegacyPlugin =>
    new LegacyPlugin(ledger, quirks, `${prefix}${name}`, `${prefix}${peer}`, {
      prefix,
      currencyCode,
      currencyScale,
      ...(connectors && { connectors: [`${prefix}${peer}`] })
    })
  const alice = make('alice', 'bob')
  const bob = make('bob', 'alice')
  LegacyPlugin.join(alice, bob)
  return { alice, bob }
}

type RequestHandler = (request: MessageV1) => Promise<MessageV1>

/** A v1 plugin over a ledger in memory. What is sent while it is not connected, it learns by `getFulfillment` alone. */
export class LegacyPlugin implements PluginV1 {
  readonly #ledger: LegacyLedger
  readonly #quirks: LegacyQuirks
  readonly #name: string
  readonly #peerName: string
  readonly #info: LedgerInfoV1
  readonly #emitter: EventEmitter | eventemitter2.EventEmitter2
  readonly #account: LegacyAccount
  #peer!: LegacyPlugin
  #connected = false
  #requestHandler: RequestHandler | undefined

  readonly getFulfillment?: (transferId: string) => Promise<string>
  readonly sendRequest?: (request: MessageV1) => Promise<MessageV1>
  readonly registerRequestHandler?: (handler: RequestHandler) => void
  readonly deregisterRequestHandler?: () => void

  constructor(ledger: LegacyLedger, quirks: LegacyQuirks, name: string, peerName: string, info: LedgerInfoV1) {
    this.#ledger = ledger
    this.#quirks = quirks
    this.#name = name
    this.#peerName = peerName
    this.#info = info
    this.#emitter = quirks.nodeEmitter === true ? new EventEmitter() : new EventEmitter2()
    this.#account = { balance: 0n, tell: (event, ...args) => this.#tell(event, args) }
    if (quirks.noFulfillments !== true) {
      this.getFulfillment = async (transferId) => Promise.resolve(this.#ledger.fulfillmentOf(transferId))
    }
    if (quirks.messagesOnly === true) return
    this.sendRequest = (request) => this.#request(request)
    this.registerRequestHandler = (handler) => {
      if (this.#requestHandler !== undefined) {
        throw legacyError('RequestHandlerAlreadyRegisteredError', 'A request handler is registered already')
      }
      this.#requestHandler = handler
    }
    this.deregisterRequestHandler = () => {
      this.#requestHandler = undefined
    }
  }

  static join(a: LegacyPlugin, b: LegacyPlugin): void {
    a.#peer = b
    b.#peer = a
  }

  // ---------------------------------------------------------------------------------------------------------- connection

  async connect(): Promise<null> {
    if (!this.#connected) {
      this.#connected = true
      this.#ledger.open()
      await this.#tell('connect', [])
    }
    return null
  }

  async disconnect(): Promise<null> {
    if (this.#connected) this.lose()
    return Promise.resolve(null)
  }

  /** Cuts the connection, as a failing network does. `connect` makes it anew. */
  lose(): void {
    this.#connected = false
    if (!this.#peer.#connected) this.#ledger.close()
    this.#emitter.emit('disconnect')
  }

  isConnected(): boolean {
    return this.#connected
  }

  getInfo(): LedgerInfoV1 {
    if (!this.#connected) throw new Error('The plugin is not connected')
    return { ...this.#info }
  }

  getAccount(): string {
    if (!this.#connected) throw new Error('The plugin is not connected')
    return this.#name
  }

  async getBalance(): Promise<string> {
    return Promise.resolve(this.#account.balance.toString())
  }

  /** How many transfers the ledger holds. */
  get held(): number {
    return this.#ledger.held
  }

  // ----------------------------------------------------------------------------------------------------------- transfers

  sendTransfer(transfer: TransferV1): Promise<null> {
    if (this.#quirks.synchronousEvents === true) {
      return done(() => this.#sendTransfer(transfer))
    }
    return Promise.resolve().then(async () => {
      await this.#sendTransfer(transfer)
      return null
    })
  }

  #sendTransfer(transfer: TransferV1): Promise<void> | undefined {
    this.#assertConnected()
    this.#assertTransfer(transfer)
    if (!this.#peer.#connected) throw legacyError('NoSubscriptionsError', 'The receiver is not connected')
    const sent = { ...transfer }
    delete sent.noteToSelf
    const accounts = [this.#account, this.#peer.#account] as const
    if (transfer.executionCondition === undefined) return this.#ledger.transfer(sent, ...accounts)
    return this.#ledger.prepare(sent, ...accounts)
  }

  fulfillCondition(transferId: string, fulfillment: string, ilp?: string): Promise<null> {
    return done(() => {
      this.#assertConnected()
      assertBytes32('fulfillment', fulfillment)
      return this.#ledger.fulfill(transferId, this.#account, fulfillment, ilp)
    })
  }

  rejectIncomingTransfer(transferId: string, reason: RejectionMessageV1): Promise<null> {
    return done(() => {
      this.#assertConnected()
      const { transfer, sender, receiver } = this.#ledger.reject(transferId, this.#account)
      const told = this.#quirks.pickyReasons === true ? picky(reason) : reason
      void receiver.tell('incoming_reject', transfer, reason)
      return sender.tell('outgoing_reject', transfer, told)
    })
  }

  #assertConnected(): void {
    if (!this.#connected) throw new Error('The plugin is not connected')
  }

  #assertTransfer({ id, amount, ledger, from, to, executionCondition, expiresAt }: TransferV1): void {
    if (typeof id !== 'string' || id === '') throw invalid('id')
    const least = this.#quirks.zeroAmounts === true ? 0n : 1n
    if (!/^[0-9]+$/.test(amount) || BigInt(amount) < least) throw invalid('amount')
    if (ledger !== this.#info.prefix) throw invalid('ledger')
    if (from !== this.#name) throw invalid('from')
    if (to === undefined || !to.startsWith(this.#info.prefix)) throw invalid('to')
    if (to !== this.#peerName) throw legacyError('AccountNotFoundError', `There is no account ${to}`)
    if (executionCondition === undefined) {
      if (expiresAt !== undefined || this.#quirks.conditionalOnly === true) throw invalid('executionCondition')
      return
    }
    assertBytes32('executionCondition', executionCondition)
    if (Number.isNaN(Date.parse(expiresAt ?? ''))) throw invalid('expiresAt')
  }

  // ------------------------------------------------------------------------------------------------------------ messages

  async #request(request: MessageV1): Promise<MessageV1> {
    this.#assertConnected()
    const handler = this.#peer.#requestHandler
    if (!this.#peer.#connected) throw legacyError('NoSubscriptionsError', 'The receiver is not connected')
    if (handler === undefined) throw legacyError('NotAcceptedError', 'The receiver takes no requests')
    return handler({ ...request })
  }

  async sendMessage(message: MessageV1): Promise<null> {
    this.#assertConnected()
    if (!this.#peer.#connected) throw legacyError('NoSubscriptionsError', 'The receiver is not connected')
    await this.#peer.#tell('incoming_message', [{ ...message }])
    return null
  }

  // -------------------------------------------------------------------------------------------------------------- events

  #tell(event: string, args: unknown[]): Promise<void> | undefined {
    if (!this.#connected) return undefined
    const once = this.#tellOnce(event, args)
    if (this.#quirks.doubledEvents !== true || !event.includes('_')) return once
    if (once === undefined) return this.#tellOnce(event, args)
    return once.then(() => this.#tellOnce(event, args))
  }

  #tellOnce(event: string, args: unknown[]): Promise<void> | undefined {
    try {
      if (this.#quirks.awaitListeners === true && this.#emitter instanceof EventEmitter2) {
        return this.#emitter.emitAsync(event, ...args).then(() => undefined)
      }
      this.#emitter.emit(event, ...args)
    } catch (error) {
      if (this.#quirks.swallowErrors !== true) throw error
    }
    return undefined
  }

  on(event: string, listener: Listener): this {
    this.#emitter.on(event, listener as (...args: unknown[]) => void)
    return this
  }

  once(event: string, listener: Listener): this {
    this.#emitter.once(event, listener as (...args: unknown[]) => void)
    return this
  }

  removeListener(event: string, listener: Listener): this {
    this.#emitter.removeListener(event, listener as (...args: unknown[]) => void)
    return this
  }

  removeAllListeners(event?: string): this {
    this.#emitter.removeAllListeners(event)
    return this
  }

  emit(event: string, ...args: unknown[]): boolean {
    return this.#emitter.emit(event, ...args)
  }

  listeners(event: string): unknown[] {
    return this.#emitter.listeners(event)
  }

  listenerCount(event: string): number {
    return this.listeners(event).length
  }
}

/** Runs a call of a v1 plugin: what it throws becomes a rejection, what it gives is null. */
function done(call: () => Promise<void> | undefined): Promise<null> {
  try {
    return Promise.resolve(call()).then(() => null)
  } catch (error) {
    return Promise.reject(error)
  }
}

function invalid(field: string): Error {
  return legacyError('InvalidFieldsError', `The transfer has no valid \`${field}\``)
}

function assertBytes32(field: string, text: string): void {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) throw invalid(field)
}

/** What is left of a reason after ilp-plugin-payment-channel-framework has carried it. */
function picky(reason: RejectionMessageV1): Partial<RejectionMessageV1> {
  const { code, name, triggered_by, triggered_at, additional_info: info } = reason
  // the calls that throw where the shape is wrong
  const triggeredAt = new Date((triggered_at as Date).toISOString())
  const written = Buffer.from(JSON.stringify(info), 'latin1').toString('ascii')
  return {
    code: Buffer.from(code).toString('ascii'),
    name: Buffer.from(name).toString('ascii'),
    triggered_by,
    triggered_at: triggeredAt,
    additional_info: JSON.parse(written) as Record<string, unknown>
  }
}
