import type { Clock, PluginV2 } from '@ilp-wrap/core'
import type { RecommendedOptions } from 'ilp-wrap'

/** Those of the stack that the tests and the benchmark set. */
export interface FusedRecommendedOptions extends Pick<
  RecommendedOptions,
  'rateLimit' | 'concurrency' | 'maxPacketAmount' | 'throughput'
> {
  balance: { maximum: bigint; minimum?: bigint }
  clock?: Clock
}

export declare class RecommendedFused implements PluginV2 {
  static readonly version: 2
  constructor(plugin: PluginV2, options: FusedRecommendedOptions)
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
