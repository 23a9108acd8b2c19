import type { PluginV1, PluginV2 } from './contract.js'

/** A plugin that is no layer may carry traits under this key: `readonly string[]`. */
export const pluginTraits: unique symbol = Symbol.for('@ilp-wrap/traits')

/**
 * A plugin that stands over another one without being a layer (a shim) may have a method under this key: `unwrap` calls
 * it; it lets go of the plugin beneath and returns it.
 */
export const pluginDispose: unique symbol = Symbol.for('@ilp-wrap/dispose')

const METHODS = [
  'connect',
  'disconnect',
  'isConnected',
  'sendData',
  'sendMoney',
  'registerDataHandler',
  'deregisterDataHandler',
  'registerMoneyHandler',
  'deregisterMoneyHandler',
  'on',
  'removeListener',
  'emit'
] as const

/** Version 2: it says so, or it says nothing and has `sendData` (a v2 plugin may have `sendTransfer`, too). */
export function isPluginV2(value: unknown): value is PluginV2 {
  if (!isObject(value)) return false
  const version = versionOf(value)
  return version === 2 || (version === undefined && has(value, 'sendData'))
}

/** Version 1: it is not version 2 and has `sendTransfer`. */
export function isPluginV1(value: unknown): value is PluginV1 {
  return isObject(value) && !isPluginV2(value) && has(value, 'sendTransfer')
}

/** Throws a TypeError that says what is missing, or, for a v1 plugin, what to put first. */
export function assertPluginV2(value: unknown): asserts value is PluginV2 {
  assertObject(value)
  if (isPluginV1(value)) {
    throw new TypeError(
      'Expected a ledger plugin of version 2 (RFC 0024), got one of version 1 (RFC 0004): put compat() first in the list'
    )
  }
  const missing = METHODS.filter((name) => !has(value, name))
  if (missing.length === 0) return
  throw new TypeError(`Expected a ledger plugin, got an object without ${missing.map((m) => `\`${m}\``).join(', ')}`)
}

/** Throws a TypeError for what can be no plugin of any version: no object, or a class in place of an instance. */
export function assertObject(value: unknown): asserts value is object {
  if (typeof value === 'function') throw new TypeError('Expected a ledger plugin, got a class or function')
  if (isObject(value)) return
  throw new TypeError(`Expected a ledger plugin, got ${value === null ? 'null' : `a value of type ${typeof value}`}`)
}

export function versionOf(plugin: object): unknown {
  return (plugin as { constructor?: { version?: unknown } | null }).constructor?.version
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function has(value: object, name: string): boolean {
  return typeof (value as Record<string, unknown>)[name] === 'function'
}
