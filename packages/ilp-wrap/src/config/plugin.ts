import { compat } from '@ilp-wrap/compat'
import { isPluginV1, isPluginV2, wrap } from '@ilp-wrap/core'
import type { Context, Middleware, PluginClass, PluginServices, PluginV2 } from '@ilp-wrap/core'
import { badOption } from '@ilp-wrap/core/options'
import { renewable } from '@ilp-wrap/renewable'
import { assertStoresAgree } from './ledgers.js'
import { anyObject, boolean, list, name, object } from './kinds.js'
import type { Kind } from './kinds.js'
import { middlewareKind, middlewareOf, within } from './middleware.js'
import type { MiddlewareConfig, Named } from './middleware.js'
import { Modules } from './modules.js'

/** A wrapped plugin as JSON says it; its JSON Schema is `ilp-wrap/plugin.schema.json`. */
export interface PluginConfig {
  /** The module of the plugin class, by name or path; `module#export` for one export of it. */
  readonly plugin: string
  /** What the plugin is made with. Default: none. */
  readonly options?: object
  /** From the wire to the host. Default: none. */
  readonly middleware?: readonly MiddlewareConfig[]
  /** Names the plugin in logs, measures and books. */
  readonly account?: string
  /** Whether a plugin that can connect but once gets a fresh instance each time. Default: false. */
  readonly renewable?: boolean
}

export const pluginKind: Kind = object(
  { plugin: name, options: anyObject, middleware: list(middlewareKind), account: name, renewable: boolean },
  ['plugin']
)

/** What the host of a plugin adds to its configuration. */
export interface PluginHost {
  readonly services?: PluginServices | undefined
  /** Given to the plugin's constructor together with the options of the configuration. */
  readonly options?: object
  readonly modules?: Modules
  /** Whether what the plugin's constructor throws is told with its place, too. Default: false, it passes as it is. */
  readonly placesErrors?: boolean
  /** Puts layers of the host's own around the list. */
  readonly surround?: (list: readonly Named[]) => Surroundings
}

/** A list of middleware with what a host has put around it. */
export interface Surroundings {
  /** What stands next to the wire, but for `compat`. */
  readonly wire: readonly Middleware[]
  readonly list: readonly Named[]
  /** What stands next to the host. */
  readonly host: readonly Middleware[]
}

interface Checked {
  readonly plugin: string
  readonly options?: object
  readonly middleware?: readonly Named[]
  readonly account?: string
  readonly renewable?: boolean
}

/**
 * Makes the wrapped plugin that a configuration describes. A v1 plugin gets `compat()` by itself. What the constructor
 * of the plugin throws passes as it is.
 *
 * @throws InvalidFieldsError or InvalidServicesError naming the place in the configuration, from `path` on
 */
export function pluginFrom(path: string, config: unknown, host: PluginHost = {}): PluginV2 {
  const checked = pluginKind.read(path, config) as Checked
  const { middleware = [], account } = checked
  assertStoresAgree(middleware)
  const { services, modules = new Modules(), surround = alone } = host
  const prefix = path === '' ? '' : `${path}.`
  const { wire, list, host: outermost } = surround(middleware)
  const layers = [...list.flatMap((each) => middlewareOf(each, modules)), ...outermost]
  layers.splice(list[0] !== undefined && adapts(list[0]) ? 1 : 0, 0, ...wire)
  const plugin = innerPlugin(prefix, checked, { ...host, modules })
  if (isPluginV1(plugin) && !middleware.some(adapts)) layers.unshift(compat())
  const context: Context = {
    ...(account !== undefined && { account }),
    ...(services?.store !== undefined && { store: services.store }),
    ...(services?.log !== undefined && { log: services.log })
  }
  return wrap(plugin as PluginV2, layers, context)
}

function alone(list: readonly Named[]): Surroundings {
  return { wire: [], list, host: [] }
}

/** Whether an entry makes a v2 plugin of a v1 plugin. */
function adapts({ name, options }: Named): boolean {
  return name === 'compat' || (name === 'recommended' && (options as { compat?: unknown }).compat !== false)
}

function innerPlugin(prefix: string, checked: Checked, host: PluginHost): object {
  const { services, options, modules, placesErrors = false } = host
  const path = `${prefix}plugin`
  const expected = 'the name or path of an installed plugin class'
  const Plugin = (modules as Modules).load(path, checked.plugin, expected) as unknown as PluginClass<object>
  // an arrow function cannot be called with `new`
  if ((Plugin as { prototype?: unknown }).prototype === undefined) badOption(path, expected, checked.plugin)
  const make = (): object => new Plugin({ ...options, ...checked.options }, services)
  const create = placesErrors ? (): object => within(path, make) : make
  const plugin = create()
  if (!isPluginV1(plugin) && !isPluginV2(plugin)) badOption(path, expected, checked.plugin)
  if (checked.renewable !== true) return plugin
  if (isPluginV1(plugin)) badOption(`${prefix}renewable`, 'false, as the plugin is of version 1', true)
  const instances = [plugin]
  return renewable(() => instances.pop() ?? (create() as PluginV2))
}
