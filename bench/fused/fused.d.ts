import type { Clock, PluginV2 } from '@ilp-wrap/core'

interface Limits {
  capacity?: number
  refillCount?: number
  refillMs?: number
}

export interface FusedOptions {
  maximum: bigint
  minimum: bigint
  incoming?: Limits
  outgoing?: Limits
  peer?: Limits
  clock?: Clock
}

export declare class FusedPlugin implements PluginV2 {
  static readonly version: 2
  onEvent: ((event: { readonly type: string }) => void) | undefined
  constructor(plugin: PluginV2, options: FusedOptions)
  sendData(data: Buffer): Promise<Buffer>
  sendMoney(amount: string): Promise<void>
  connect(options?: object): Promise<void>
  disconnect(): Promise<void>
  isConnected(): boolean
  registerDataHandler(handler: (data: Buffer) => Promise<Buffer>): void
  deregisterDataHandler(): void
  registerMoneyHandler(handler: (amount: string) => Promise<void>): void
  deregisterMoneyHandler(): void
  on(name: string | symbol, listener: (...args: unknown[]) => void): this
  once(name: string | symbol, listener: (...args: unknown[]) => void): this
  removeListener(name: string | symbol, listener: (...args: unknown[]) => void): this
  emit(name: string, ...args: unknown[]): boolean
}
