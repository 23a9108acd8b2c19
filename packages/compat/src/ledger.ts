import type { PluginV1 } from '@ilp-wrap/core'
import { isValidIlpAddress } from 'ilp-packet'

/** What the v1 plugin says of its ledger and of its account there, kept, since some plugins copy it all at each call. */
export class Ledger {
  /** What every address on the ledger begins with, its final dot included; empty before the plugin knows it. */
  prefix = ''
  /** Our account; empty before the plugin knows it. */
  account = ''
  /** Our account if it is an ILP address, which may stand in a reject; else empty. */
  address = ''
  readonly #plugin: PluginV1
  readonly #connector: string | undefined
  #connectors: readonly unknown[] = []
  #currency: { readonly scale: unknown; readonly code: unknown } | undefined

  constructor(plugin: PluginV1, connector: string | undefined) {
    this.#plugin = plugin
    this.#connector = connector
  }

  /** Asks anew, unless the plugin cannot say (RFC 0004: `getInfo` throws while it is not connected). */
  refresh(): void {
    try {
      const info: Partial<ReturnType<PluginV1['getInfo']>> = this.#plugin.getInfo()
      const account: unknown = this.#plugin.getAccount()
      this.prefix = typeof info.prefix === 'string' ? info.prefix : ''
      this.account = typeof account === 'string' ? account : ''
      this.address = isValidIlpAddress(this.account) ? this.account : ''
      this.#connectors = Array.isArray(info.connectors) ? info.connectors : []
      this.#currency = { scale: info.currencyScale, code: info.currencyCode }
    } catch {
      // what it said before is the best there is
    }
  }

  /** Whether the plugin has said yet who and where we are. */
  get known(): boolean {
    if (this.#currency === undefined) this.refresh()
    return this.#currency !== undefined
  }

  /** Whether an address is on this ledger. */
  isLocal(destination: string): boolean {
    return this.known && this.prefix !== '' && destination.startsWith(this.prefix)
  }

  /** The account on this ledger that is next on the way to an ILP address; without one, the peer. */
  recipientOf(destination?: string): string | undefined {
    if (destination !== undefined && this.isLocal(destination)) {
      const end = destination.indexOf('.', this.prefix.length)
      return end < 0 ? destination : destination.slice(0, end)
    }
    if (this.#connector !== undefined) return this.#connector
    const [connector] = this.known ? this.#connectors : []
    return typeof connector === 'string' ? connector : undefined
  }

  /** What the ledger counts in; undefined if the plugin gives no scale that RFC 0031 can carry. */
  get currency(): { scale: number; code: string } | undefined {
    const { scale, code } = this.#currency ?? {}
    if (typeof scale !== 'number' || !Number.isInteger(scale) || scale < 0 || scale > 255) return undefined
    return { scale, code: typeof code === 'string' ? code : '' }
  }
}
