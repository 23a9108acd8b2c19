/**
 * The JavaScript Ledger Plugin Interface as types: version 2 (Interledger RFC 0024) and, as far as a shim needs it,
 * version 1 (RFC 0004).
 */

/** Any function: what an event emitter takes as a listener. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- node's EventEmitter says so, and is to be assignable
export type Listener = (...args: any[]) => unknown

export type EventName = string | symbol

/** The part of an event emitter that every plugin has, be it node's EventEmitter or an EventEmitter2. */
export interface Emitter {
  on(event: string, listener: Listener): unknown
  once(event: string, listener: Listener): unknown
  removeListener(event: string, listener: Listener): unknown
  emit(event: string, ...args: unknown[]): unknown
}

/** What `connect` takes (RFC 0024, "connect"). */
export interface ConnectOptions {
  /** Milliseconds to wait for the connection. Falsy: the plugin's own default; `Infinity`: for ever. */
  timeout?: number
}

/** Takes the data of one incoming request and gives the data of its answer (RFC 0024, "registerDataHandler"). */
export type DataHandler = (data: Buffer) => Promise<Buffer>

/** Takes the amount of one incoming settlement, a decimal string of base units (RFC 0024, "registerMoneyHandler"). */
export type MoneyHandler = (amount: string) => Promise<void>

/** A ledger plugin, version 2 (RFC 0024). Events: `connect`, `disconnect`, `error`. */
export interface PluginV2 extends Emitter {
  connect(options?: ConnectOptions): Promise<void>
  disconnect(): Promise<void>
  isConnected(): boolean
  sendData(data: Buffer): Promise<Buffer>
  /** `amount`: a decimal string of base units, above zero; it may exceed a UInt64. */
  sendMoney(amount: string): Promise<void>
  registerDataHandler(handler: DataHandler): void
  deregisterDataHandler(): void
  registerMoneyHandler(handler: MoneyHandler): void
  deregisterMoneyHandler(): void
}

/** A conditional or unconditional transfer of a v1 plugin (RFC 0004, "Class: Transfer"). */
export interface TransferV1 {
  id: string
  amount: string
  ledger?: string
  from?: string
  to?: string
  /** base64url of the packet. */
  ilp?: string
  /** base64url of 32 bytes. */
  executionCondition?: string
  /** ISO 8601. */
  expiresAt?: string
  noteToSelf?: Record<string, unknown>
  custom?: Record<string, unknown>
}

/** A request or a response of a v1 plugin (RFC 0004, "Class: Message"). */
export interface MessageV1 {
  id?: string
  ledger?: string
  from?: string
  to?: string
  ilp?: string
  custom?: Record<string, unknown>
}

/** Why a transfer was rejected (RFC 0004, "Class: RejectionMessage"). */
export interface RejectionMessageV1 {
  code: string
  name: string
  message: string
  triggered_by: string
  forwarded_by?: string[]
  triggered_at: Date | string
  additional_info: Record<string, unknown>
}

/** What a v1 plugin knows of its ledger (RFC 0004, "Class: LedgerInfo"). */
export interface LedgerInfoV1 {
  prefix: string
  currencyCode: string
  currencyScale: number
  connectors?: string[]
  minBalance?: string
  maxBalance?: string
}

/** A ledger plugin, version 1 (RFC 0004). What newer or older plugins lack is optional. */
export interface PluginV1 extends Emitter {
  connect(options?: ConnectOptions): Promise<unknown>
  disconnect(): Promise<unknown>
  isConnected(): boolean
  getInfo(): LedgerInfoV1
  getAccount(): string
  sendTransfer(transfer: TransferV1): Promise<unknown>
  fulfillCondition(transferId: string, fulfillment: string, ilp?: string): Promise<unknown>
  rejectIncomingTransfer(transferId: string, reason: RejectionMessageV1): Promise<unknown>
  getBalance?(): Promise<string>
  getFulfillment?(transferId: string): Promise<string>
  sendRequest?(request: MessageV1): Promise<MessageV1>
  registerRequestHandler?(handler: (request: MessageV1) => Promise<MessageV1>): void
  deregisterRequestHandler?(): void
  sendMessage?(message: MessageV1): Promise<unknown>
}

/** The key-value service that a host hands to plugins (RFC 0024, "Store"). A missing key gives `undefined`. */
export interface Store {
  get(key: string): Promise<string | undefined>
  put(key: string, value: string): Promise<void>
  del(key: string): Promise<void>
}

/** Writes one line; `message` may hold the placeholders `%O %o %s %d %j %%` (RFC 0024, "Log"). */
export type LogMethod = (message: string, ...args: unknown[]) => void

/** The log service that a host hands to plugins (RFC 0024, "Log"). */
export interface Log {
  debug: LogMethod
  info: LogMethod
  warn: LogMethod
  error: LogMethod
  /** Where a log can tell: `false` when nothing is written anyway, so that lines need not be made. */
  readonly enabled?: boolean
}

/** The second argument of a plugin's constructor (RFC 0024, "Constructor"). */
export interface PluginServices {
  store?: Store
  log?: Log
}

/** A class that makes v2 plugins (RFC 0024, "Constructor"). */
export interface PluginClass<P extends object = PluginV2> {
  new (options: object, services?: PluginServices): P
  readonly version?: number
}
