import { events, wrap } from '@ilp-wrap/core'
import type { Context, Middleware, PluginEvent } from '@ilp-wrap/core'
import { mockPair, prepare as anyPrepare, testClock } from '@ilp-wrap/testing'
import type { MockOptions, PrepareFields } from '@ilp-wrap/testing'
import { retry } from '../src/index.js'
import type { RetryOptions } from '../src/index.js'

export interface SetupOptions {
  readonly mock?: MockOptions
  readonly outside?: readonly Middleware[]
  readonly inside?: readonly Middleware[]
  readonly context?: Context
}

/** A connected mock under `retry`, in a time of its own; chance always gives the half of each wait. */
export function setup(options: RetryOptions = {}, more: SetupOptions = {}) {
  const clock = testClock()
  const { plugin: inner, peer } = mockPair({ connected: true, ...more.mock })
  const list = [...(more.inside ?? []), retry({ random: () => 0.5, ...options }), ...(more.outside ?? [])]
  const plugin = wrap(inner, list, { clock, ...more.context })
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  /** A prepare that expires 30 s from now. */
  const prepare = (fields: PrepareFields = {}): Buffer => anyPrepare({ expiresAt: clock.now() + 30_000, ...fields })
  const typesSeen = (): string[] => seen.map(({ type }) => type)
  return { clock, inner, peer, plugin, seen, typesSeen, prepare }
}

export type Outcome = { readonly value: Buffer } | { readonly error: unknown } | undefined

/** What has become of a promise so far; `undefined` while it is open. */
export function watch(promise: Promise<unknown>): { readonly outcome: Outcome } {
  const state: { outcome: Outcome } = { outcome: undefined }
  promise.then(
    (value) => {
      state.outcome = { value: value as Buffer }
    },
    (error: unknown) => {
      state.outcome = { error }
    }
  )
  return state
}

/** Answers one attempt after the other, and keeps a copy of what each was sent. */
export function script(...steps: readonly (Buffer | Promise<Buffer> | { readonly throws: unknown })[]) {
  const sent: Buffer[] = []
  const onData = (data: Buffer): Promise<Buffer> => {
    const step = steps[sent.length] ?? new Promise<Buffer>(() => undefined)
    sent.push(Buffer.from(data))

    return 'throws' in step ? Promise.reject(step.throws) : Promise.resolve(step)
  }
  return { sent, onData }
}
