import { EventEmitter } from 'node:events'
import type { LedgerInfoV1, MessageV1, PluginV1, RejectionMessageV1, TransferV1 } from '@ilp-wrap/core'

export interface Sent {
  readonly transfer: TransferV1
  /** What the plugin's promise does; until one is called, nothing. */
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export type Answer =
  | { readonly id: string; readonly fulfillment: string; readonly ilp: string | undefined }
  | { readonly id: string; readonly reason: RejectionMessageV1 }

/**
 * A v1 plugin whose ledger is the test: it sees the transfers, and tells what becomes of them by emitting the plugin's
 * events. `sendTransfer` resolves at once unless `holds` is set, or does what `onTransfer` does.
 */
export class V1Double extends EventEmitter implements PluginV1 {
  readonly sent: Sent[] = []
  readonly answers: Answer[] = []
  readonly requests: MessageV1[] = []
  info: Partial<LedgerInfoV1> = {
    prefix: 'test.ledger.',
    currencyCode: 'XRP',
    currencyScale: 9,
    connectors: ['test.ledger.peer']
  }
  account = 'test.ledger.me'
  connected = false
  connects = 0
  holds = false
  onTransfer: ((transfer: TransferV1) => Promise<unknown>) | undefined
  onAnswer: ((id: string) => Promise<unknown>) | undefined
  onConnect: (() => Promise<unknown>) | undefined
  onRequest: ((request: MessageV1) => Promise<MessageV1>) | undefined
  requestHandler: ((request: MessageV1) => Promise<MessageV1>) | undefined
  fulfillments: ((id: string) => Promise<string>) | undefined

  async connect(): Promise<unknown> {
    this.connects++
    await this.onConnect?.()
    this.connected = true
    this.emit('connect')
    return null
  }

  async disconnect(): Promise<unknown> {
    this.connected = false
    this.emit('disconnect')
    return null
  }

  isConnected(): boolean {
    return this.connected
  }

  getInfo(): LedgerInfoV1 {
    if (!this.connected) throw new Error('not connected')
    return { ...this.info } as LedgerInfoV1
  }

  getAccount(): string {
    if (!this.connected) throw new Error('not connected')
    return this.account
  }

  sendTransfer(transfer: TransferV1): Promise<unknown> {
    if (this.onTransfer !== undefined) return this.onTransfer(transfer)
    return new Promise((resolve, reject) => {
      this.sent.push({ transfer, resolve: () => resolve(null), reject })
      if (!this.holds) resolve(null)
    })
  }

  async fulfillCondition(id: string, fulfillment: string, ilp?: string): Promise<unknown> {
    this.answers.push({ id, fulfillment, ilp })
    return this.onAnswer?.(id)
  }

  async rejectIncomingTransfer(id: string, reason: RejectionMessageV1): Promise<unknown> {
    this.answers.push({ id, reason })
    return this.onAnswer?.(id)
  }

  async getFulfillment(id: string): Promise<string> {
    if (this.fulfillments === undefined) throw named('MissingFulfillmentError')
    return this.fulfillments(id)
  }

  async sendRequest(request: MessageV1): Promise<MessageV1> {
    this.requests.push(request)
    return this.onRequest?.(request) ?? {}
  }

  registerRequestHandler(handler: (request: MessageV1) => Promise<MessageV1>): void {
    if (this.requestHandler !== undefined) throw named('RequestHandlerAlreadyRegisteredError')
    this.requestHandler = handler
  }

  deregisterRequestHandler(): void {
    this.requestHandler = undefined
  }

  /** The transfer that was sent last. */
  get last(): TransferV1 {
    return this.sent.at(-1)!.transfer
  }

  /** How many listeners hang on it. */
  get listening(): number {
    return this.eventNames().reduce((sum, name) => sum + this.listenerCount(name), 0)
  }
}

/** An error as v1 plugins throw them. */
export function named(name: string, message = name): Error {
  return Object.assign(new Error(message), { name })
}
