import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '@ilp-wrap/core'
import type { PluginV2 } from '@ilp-wrap/core'
import { isReject, rejectCode } from '@ilp-wrap/core/packet'

export type Outcome<T> = { readonly value: T } | { readonly error: unknown }

/** How a call ended, wrapped, so that `undefined` that was thrown can be told from success. */
export async function outcome<T>(call: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await call() }
  } catch (error) {
    return { error }
  }
}

/** What a call that must fail threw or rejected with. */
export async function failure(call: () => unknown, what: string): Promise<unknown> {
  const ended = await outcome(call)
  if ('value' in ended) assert.fail(`${what} went through`)
  return ended.error
}

/** What a call that must throw at once threw. */
export function thrown(call: () => unknown, what: string): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return assert.fail(`${what} did not throw`)
}

/** An error of a plugin itself: `instanceof Error`, named as its class, printable (RFC 0024, "Errors"). */
export function assertPluginError(error: unknown, names?: readonly string[]): asserts error is Error {
  // an Error of another realm is one, too
  assert.equal(Object.prototype.toString.call(error), '[object Error]', `expected an Error, got ${String(error)}`)
  assert.ok(error instanceof Error, 'expected an instance of Error')
  assert.equal(error.name, error.constructor.name, 'expected the error to be named as its class')
  assert.equal(typeof error.stack, 'string', 'expected the error to have a stack')
  assert.ok(String(error).startsWith(error.name), 'expected String(error) to begin with its name')
  if (names !== undefined) assert.ok(names.includes(error.name), `expected ${names.join(' or ')}, got ${String(error)}`)
}

/** What a method that is to give nothing gives all the same. */
export function resultOf(call: () => unknown): unknown {
  return call()
}

/** A valid ILP reject with a code of RFC 0027. */
export function assertReject(packet: unknown): void {
  assert.ok(Buffer.isBuffer(packet) && isReject(packet), 'expected an ILP reject')
  assert.match(rejectCode(packet) as string, /^[FTR]\d\d$/)
}

/** Lets what is ready run: promises, then the event loop once. */
export function turn(): Promise<void> {
  return nextTurn()
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimeout(resolve, ms))
}

/** Records the connection events of a plugin, with what it says of its connection at that moment. */
export function recordEvents(plugin: PluginV2): RecordedEvent[] {
  const seen: RecordedEvent[] = []
  for (const type of ['connect', 'disconnect'] as const) {
    plugin.on(type, (...args: unknown[]) => {
      seen.push({ type, args, connected: plugin.isConnected() })
    })
  }
  return seen
}

export interface RecordedEvent {
  readonly type: 'connect' | 'disconnect'
  readonly args: readonly unknown[]
  readonly connected: boolean
}

export function typesOf(events: readonly RecordedEvent[]): string[] {
  return events.map(({ type }) => type)
}
