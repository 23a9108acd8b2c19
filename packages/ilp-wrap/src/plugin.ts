import { assertConstructorArguments } from '@ilp-wrap/core'
import type { PluginServices, PluginV2 } from '@ilp-wrap/core'
import { closeLedgers } from './config/ledgers.js'
import { pluginFrom } from './config/plugin.js'
import type { PluginConfig } from './config/plugin.js'

export type {} from './config/modules.js'
export type { MiddlewareConfig } from './config/middleware.js'
export type { PluginConfig } from './config/plugin.js'

/** The services as older connectors hand them over, among the options. */
interface LegacyServices {
  readonly _store?: unknown
  readonly _log?: unknown
}

export interface ConnectorPluginClass {
  new (options: PluginConfig, services?: PluginServices): PluginV2
  readonly version: number
  /** Ends the stores that options name as `ledger`, for a program at its end: `disconnect()` leaves them open. */
  closeLedgers(): Promise<void>
}

/**
 * A plugin class that a connector loads by name, `require('ilp-wrap/plugin')`, and that JSON alone describes: which
 * plugin it stands for, and the middleware around it. Its constructor is that of RFC 0024 ("Constructor"), and the
 * plugin within gets the same services.
 *
 * It throws a TypeError when the options are no object or the services neither undefined nor an object.
 */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- hosts look for a class; its instances are layers
class WrappedPlugin {
  static readonly version: number = 2

  static closeLedgers(): Promise<void> {
    return closeLedgers()
  }

  constructor(options: PluginConfig, services?: PluginServices) {
    assertConstructorArguments(options, services)
    const { _store, _log, ...config } = options as PluginConfig & LegacyServices
    const legacy = { ...(_store !== undefined && { _store }), ...(_log !== undefined && { _log }) }
    const plugin: object = pluginFrom('', config, { services, options: legacy })
    return plugin
  }
}

// what it returns is a plugin, which the language cannot say of a constructor
export const ConnectorPlugin: ConnectorPluginClass = WrappedPlugin as unknown as ConnectorPluginClass
export { ConnectorPlugin as default, ConnectorPlugin as 'module.exports' }
