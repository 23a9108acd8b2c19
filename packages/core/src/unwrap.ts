import type { PluginV2 } from './contract.js'
import { PluginError } from './errors.js'
import { linkOf } from './layer.js'
import { letGoOfHandlers } from './link.js'
import type { Link } from './link.js'
import { pluginDispose } from './plugins.js'

/**
 * Takes a stack apart and returns the plugin at its bottom: middleware are disposed of, outermost first, handlers
 * deregistered and listeners removed. The wrapped plugin refuses everything from then on (`ILP_WRAP_UNWRAPPED`). What is
 * not wrapped is returned as it is.
 *
 * Give it the outermost layer. A layer above the given one, or beside it over the same layers, knows nothing of it and
 * has its own way to the plugin: it must not be used any more, since what it sends may go past middleware that were
 * disposed of.
 */
export function unwrap(plugin: object): object {
  const top = linkOf(plugin)
  if (top === undefined) return plugin
  const { raw } = top
  letGoOfHandlers(top)
  for (const link of top.stack()) dispose(link)
  const shim: unknown = (raw as { [pluginDispose]?: unknown })[pluginDispose]
  return typeof shim === 'function' ? (Reflect.apply(shim, raw, []) as object) : raw
}

function dispose(link: Link): void {
  try {
    link.hooks?.dispose?.()
  } catch (error) {
    link.services.logFor('core').error('dispose of %s threw: %O', link.definition?.name, error)
  }
  link.events?.dispose()
  link.events = undefined
  link.raw = unwrapped
}

/** Stands in for the inner plugin of a stack that was taken apart: nothing passes without its middleware. */
const unwrapped: PluginV2 = Object.freeze({
  connect: refuse,
  disconnect: () => Promise.resolve(),
  isConnected: () => false,
  sendData: refuse,
  sendMoney: refuse,
  registerDataHandler: throwUnwrapped,
  deregisterDataHandler: ignore,
  registerMoneyHandler: throwUnwrapped,
  deregisterMoneyHandler: ignore,
  on: ignore,
  once: ignore,
  removeListener: ignore,
  emit: () => false
})

function refuse(): Promise<never> {
  return Promise.reject(unwrappedError())
}

function ignore(): void {
  // there is nothing left to listen to
}

function throwUnwrapped(): never {
  throw unwrappedError()
}

function unwrappedError(): PluginError {
  return new PluginError('This plugin has been unwrapped', { code: 'ILP_WRAP_UNWRAPPED' })
}
