import { InvalidFieldsError, assertObject, defineMiddleware, isPluginV1, isPluginV2 } from '@ilp-wrap/core'
import type { Context, Middleware, PluginV1, PluginV2 } from '@ilp-wrap/core'
import { CompatPlugin } from './adapter.js'
import { settingsOf } from './options.js'
import type { CompatOptions, Settings } from './options.js'

export const minimalOptions: CompatOptions = {}

const METHODS = [
  'connect',
  'disconnect',
  'isConnected',
  'getInfo',
  'getAccount',
  'sendTransfer',
  'fulfillCondition',
  'rejectIncomingTransfer',
  'on',
  'removeListener',
  'emit'
] as const satisfies readonly (keyof PluginV1)[]

/** A v1 plugin that is wrapped: two wrappers would answer each transfer twice. */
interface Known {
  readonly plugin: PluginV2
  readonly settings: Settings
  readonly context: Context | undefined
}

const known = new WeakMap<PluginV1, Known>()

/**
 * Makes a v2 plugin (RFC 0024) of a v1 plugin (RFC 0004): the first middleware in the list. A v2 plugin passes as it is;
 * a v1 plugin that is wrapped again gives the same object.
 *
 * @throws InvalidFieldsError for a bad option, and when a v1 plugin is wrapped again with other options
 * @throws TypeError when what is to be wrapped is no plugin
 */
export function compat(options?: CompatOptions): Middleware<PluginV1 | PluginV2> {
  const settings = settingsOf(options)
  return (plugin, context) => {
    if (isPluginV2(plugin)) return plugin
    assertPluginV1(plugin)
    const before = known.get(plugin)
    if (before === undefined) return wrapped(plugin, settings, context)
    if (!isSame(before.settings, settings) || !isPart(context, before.context)) {
      throw new InvalidFieldsError('The v1 plugin is wrapped already, with other options or another context', {
        code: 'ILP_WRAP_ALREADY_WRAPPED'
      })
    }
    return before.plugin
  }
}

function wrapped(plugin: PluginV1, settings: Settings, context: Context | undefined): PluginV2 {
  const adapter = new CompatPlugin(plugin, settings)
  const layer = defineMiddleware({ name: 'compat', place: { incoming: 'wire', outgoing: 'wire' } }, (setup) => ({
    handle: CompatPlugin.start(adapter, setup, () => known.delete(plugin))
  }))
  const made = layer(adapter, context)
  known.set(plugin, { plugin: made, settings, context })
  return made
}

function isSame(a: Settings, b: Settings): boolean {
  return (Object.keys(a) as (keyof Settings)[]).every((name) => a[name] === b[name])
}

/** What is not given is as it was. */
function isPart(context: Context = {}, whole: Context = {}): boolean {
  return (Object.keys(context) as (keyof Context)[]).every((name) => context[name] === whole[name])
}

function assertPluginV1(value: unknown): asserts value is PluginV1 {
  if (isPluginV1(value)) {
    const missing = METHODS.filter((name) => typeof value[name] !== 'function')
    if (missing.length === 0) return
    throw new TypeError(`Expected a v1 ledger plugin, got one without ${missing.map((m) => `\`${m}\``).join(', ')}`)
  }
  assertObject(value)
  throw new TypeError('Expected a ledger plugin, got an object with neither `sendTransfer` nor `sendData`')
}
