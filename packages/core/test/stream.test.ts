import { inspect } from 'node:util'
import createDebug from 'debug'
import { Subject, firstValueFrom, map, take, toArray } from 'rxjs'
import type { Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { defineMiddleware, events, systemClock, wrap } from '../src/index.js'
import type { Clock, Context, Log, PluginEvent, PluginV2, Setup } from '../src/index.js'
import { FakePlugin } from './fake-plugin.js'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    'thing-done': { count: number }
  }
}

function setup(context: Context = {}): { plugin: PluginV2; the: Setup; lines: unknown[][] } {
  const lines: unknown[][] = []
  const log = { error: (...args: unknown[]) => lines.push(args) } as unknown as Log
  let the: Setup | undefined
  const it = defineMiddleware({ name: 'it', place: {} }, (setup) => {
    the = setup
    return {}
  })
  const plugin = wrap(new FakePlugin(), [it], { log, clock: { now: () => 42 }, ...context })
  return { plugin, the: the as unknown as Setup, lines }
}

describe('events', () => {
  it('carry their source and time, to all who listen, and are not built for nobody', () => {
    const { plugin, the } = setup()
    const seen: PluginEvent[] = []
    expect(the.events.observed).toBe(false)
    the.emit({ type: 'thing-done', count: 0 })
    const subscription = events(plugin).subscribe((event) => seen.push(event))
    expect(the.events.observed).toBe(true)
    the.emit({ type: 'thing-done', count: 1 })
    subscription.unsubscribe()
    expect(the.events.observed).toBe(false)
    the.emit({ type: 'thing-done', count: 2 })
    expect(seen).toEqual([{ type: 'thing-done', source: 'it', at: 42, count: 1 }])
  })

  it('are one stream for all layers of a stack', () => {
    const { plugin } = setup()
    const outer = wrap(plugin, [defineMiddleware({ name: 'outer', place: {} }, () => ({}))], { account: 'other' })
    expect(events(outer)).toBe(events(plugin))
  })

  it('survive observers that throw, piped or not, with or without an error handler', () => {
    const { plugin, the, lines } = setup()
    const bad = (): never => {
      throw new Error('observer')
    }
    const seen: unknown[] = []
    const source: Observable<PluginEvent> = events(plugin)
    source.subscribe(bad)
    source.subscribe({ next: bad })
    source.pipe(map(bad)).subscribe()
    source.pipe(map(bad)).subscribe({ error: (error: unknown) => seen.push(error) })
    source.pipe(map(bad)).subscribe({ error: bad })
    source.pipe(map((event) => event.type)).subscribe((type) => seen.push(type))
    the.emit({ type: 'thing-done', count: 1 })
    the.emit({ type: 'thing-done', count: 2 })
    expect(seen.map(String)).toEqual(['Error: observer', 'thing-done', 'thing-done'])
    // twice for each of the two plain observers, once for each pipe that ended with its first event
    expect(lines).toHaveLength(6)
  })

  it('can be used with the rest of RxJS', async () => {
    const { plugin, the } = setup()
    const first = firstValueFrom(events(plugin))
    const subject = new Subject<PluginEvent>()
    const viaSubject = firstValueFrom(subject)
    events(plugin).subscribe(subject)
    let completed = 0
    const taken: string[][] = []
    events(plugin)
      .pipe(
        map((event) => event.type),
        (source) => source.pipe(take(1), toArray())
      )
      .subscribe({ next: (types) => taken.push(types), complete: () => completed++ })
    events(plugin)
      .pipe(take(1))
      .subscribe(() => undefined)
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- still part of what a subclass of Observable must take
    events(plugin).subscribe(
      null,
      () => completed++,
      () => completed++
    )
    events(plugin).subscribe()
    the.emit({ type: 'thing-done', count: 3 })
    expect(await first).toMatchObject({ count: 3 })
    expect(await viaSubject).toMatchObject({ count: 3 })
    expect([taken, completed]).toEqual([[['thing-done']], 1])
  })
})

describe('services', () => {
  it('log through debug under the account and the middleware’s name when the host gives no log', () => {
    let the: Setup | undefined
    const it = defineMiddleware({ name: 'it', place: {} }, (setup) => {
      the = setup
      return {}
    })
    wrap(new FakePlugin(), [it], { account: 'alice' })
    const lines: string[] = []
    const write = createDebug.log
    createDebug.log = (...args: unknown[]) => lines.push(args.join(' '))
    wrap(new FakePlugin(), [it])
    // before anybody has enabled anything, debug's own `enabled` is undefined
    expect(the?.log.enabled).toBe(false)
    the?.log.warn('of a stack without a name')
    wrap(new FakePlugin(), [it], { account: 'alice' })
    createDebug.enable('ilp-wrap:alice:it')
    for (const level of ['debug', 'info', 'warn', 'error'] as const) the?.log[level]('%s', level)
    expect(the?.log.enabled).toBe(true)
    createDebug.disable()
    expect(the?.log.enabled).toBe(false)
    createDebug.log = write
    expect(lines).toHaveLength(4)
    expect(lines[2]).toContain('ilp-wrap:alice:it')
    expect(lines[2]).toContain('warn')
  })

  it('have a log that never throws: whatever the host’s own throws, or rejects with, costs its line', async () => {
    const failing = (): never => {
      throw new Error('disk full')
    }
    const calls: unknown[][] = []
    const host = {
      get enabled(): boolean {
        return failing()
      },
      debug: failing,
      info: () => Promise.reject(new Error('disk full')),
      error(...args: unknown[]) {
        calls.push([this, ...args])
      }
    } as unknown as Log
    const { log } = setup({ log: host }).the
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('%s', level)
    expect(calls).toEqual([[host, '%s', 'error']])
    // it may write all the same
    expect(log.enabled).toBe(true)
    expect(setup({ log: { enabled: false } as Log }).the.log.enabled).toBe(false)
    // an unhandled rejection would be told by now
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('log through debug what cannot be printed as nothing', () => {
    const { the } = setup({ log: undefined as never })
    createDebug.enable('ilp-wrap:plugin:it')
    const unprintable = Object.assign(new Error('x'), {
      [inspect.custom]() {
        throw new Error('secret')
      }
    })
    the.log.error('%O', unprintable)
    createDebug.disable()
  })

  it('take the machine’s own clock, or what a context leaves out of one', () => {
    expect(setup({ clock: systemClock }).the.clock).toBe(systemClock)
    const bare = wrap(new FakePlugin(), [])
    let clock: Clock | undefined
    const it = defineMiddleware({ name: 'it', place: {} }, (setup) => {
      clock = setup.clock
      return {}
    })
    wrap(bare, [it])
    expect(clock).toBe(systemClock)
    const fired: string[] = []
    const timer = { ref: () => 0, unref: () => 0 }
    const calls: unknown[] = []
    const { the } = setup({
      clock: {
        now: () => 7,
        setTimeout: (run, ms) => (calls.push(ms), run(), timer),
        clearTimeout: (t) => calls.push(t)
      }
    })
    the.clock.setTimeout(() => fired.push('x'), 5)
    the.clock.clearTimeout(timer)
    expect([the.clock.now(), the.clock.monotonic(), fired, calls]).toEqual([7, 7, ['x'], [5, timer]])
    const { the: other } = setup({ clock: { monotonic: () => 9 } })
    const real = other.clock.setTimeout(() => fired.push('never'), 60_000)
    other.clock.clearTimeout(real)
    expect(other.clock.monotonic()).toBe(9)
    expect(Math.abs(other.clock.now() - Date.now())).toBeLessThan(60_000)
    const { the: third } = setup({ clock: {} })
    expect(third.clock.monotonic()).toBeGreaterThan(0)
  })
})
