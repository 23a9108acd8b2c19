import { EventEmitter, once } from 'node:events'
import { createRequire } from 'node:module'
import { EMPTY, Observable, concatMap, delay, filter, map, of, take, tap } from 'rxjs'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { connected$, defineMiddleware, unwrap, wrap } from '../src/index.js'
import type { LifecycleEvent, Log, Middleware, PluginV2 } from '../src/index.js'
import { FakePlugin } from './fake-plugin.js'

type Emitter = PluginV2 & { emit(event: string, ...args: unknown[]): unknown }

function lifecycle(operator: MonoTypeOperatorFunction<LifecycleEvent>, name = 'life'): Middleware {
  return defineMiddleware({ name, place: {} }, () => ({ lifecycle: operator }))
}

const identity = lifecycle((source) => source)
const nothing = defineMiddleware({ name: 'nothing', place: {} }, () => ({}))

/** A plugin over an emitter of any kind. */
function pluginOver(emitter: object): Emitter {
  const fake = new FakePlugin()
  const methods = ['connect', 'disconnect', 'isConnected', 'sendData', 'sendMoney'] as const
  const handlers = [
    'registerDataHandler',
    'deregisterDataHandler',
    'registerMoneyHandler',
    'deregisterMoneyHandler'
  ] as const
  for (const name of [...methods, ...handlers]) {
    Object.defineProperty(emitter, name, {
      value: (...args: unknown[]) =>
        (fake as unknown as Record<string, (...args: unknown[]) => unknown>)[name]?.(...args)
    })
  }
  return emitter as Emitter
}

const require = createRequire(import.meta.url)

function eventEmitter2(name: string): Emitter {
  const { EventEmitter2 } = require(name) as { EventEmitter2: new () => object }
  return pluginOver(new EventEmitter2())
}

const emitters: Record<string, () => Emitter> = {
  'node EventEmitter': () => pluginOver(new EventEmitter()),
  'EventEmitter2 version 6': () => eventEmitter2('eventemitter2'),
  'EventEmitter2 version 5': () => eventEmitter2('eventemitter2-v5'),
  'EventEmitter2 version 2': () => eventEmitter2('eventemitter2-v2')
}

const stacks: Record<string, readonly Middleware[]> = {
  'no middleware': [],
  'layers without lifecycle': [nothing, nothing],
  'one lifecycle layer': [identity],
  'three lifecycle layers and others': [
    nothing,
    identity,
    lifecycle((s) => s, 'two'),
    nothing,
    lifecycle((s) => s, 'three')
  ]
}

for (const [emitterName, make] of Object.entries(emitters)) {
  for (const [stackName, middleware] of Object.entries(stacks)) {
    describe(`events over ${emitterName} through ${stackName}`, () => {
      function setup(): { inner: Emitter; plugin: PluginV2; seen: unknown[][] } {
        const inner = make()
        return { inner, plugin: wrap(inner, middleware), seen: [] }
      }

      it('reach listeners synchronously, once, in order, with the same arguments', () => {
        const { inner, plugin, seen } = setup()
        const error = new Error('x')
        for (const name of ['connect', 'disconnect', 'error', 'custom']) {
          plugin.on(name, (...args: unknown[]) => seen.push([name, ...args]))
        }
        inner.emit('connect')
        inner.emit('disconnect', 'why', 1)
        inner.emit('error', error)
        inner.emit('custom', error, undefined)
        expect(seen).toEqual([['connect'], ['disconnect', 'why', 1], ['error', error], ['custom', error, undefined]])
        expect((seen[2] as unknown[])[1]).toBe(error)
      })

      it('are thrown when they are an error that nobody listens to: the same object, out of emit', () => {
        const { inner, plugin } = setup()
        const error = new Error('unheard')
        plugin.on('connect', () => undefined)
        expect(() => inner.emit('error', error)).toThrow(error)
        const listener = (): void => undefined
        plugin.on('error', listener)
        inner.emit('error', error)
        plugin.removeListener('error', listener)
        expect(() => inner.emit('error', error)).toThrow(error)
        inner.on('error', listener)
        inner.emit('error', error)
      })

      it('let a throwing listener’s error out of emit, and go on working', () => {
        const { inner, plugin, seen } = setup()
        const error = new Error('listener')
        plugin.once('connect', () => {
          throw error
        })
        plugin.on('connect', () => seen.push(['connect']))
        expect(() => inner.emit('connect')).toThrow(error)
        inner.emit('connect')
        expect(seen).toEqual([['connect']])
      })

      it('call once-listeners once, with the plugin as `this`, and can be removed by the original', () => {
        const { inner, plugin, seen } = setup()
        const listener = function (this: unknown, ...args: unknown[]): void {
          seen.push([this === plugin, ...args])
          if (seen.length === 1) inner.emit('connect', 'nested')
        }
        plugin.once('connect', listener)
        inner.emit('connect', 'outer')
        expect(seen).toEqual([[true, 'outer']])
        plugin.once('connect', listener)
        plugin.removeListener('connect', listener)
        inner.emit('connect')
        plugin.on('connect', listener)
        inner.emit('connect', 2)
        expect(seen.slice(1)).toEqual([[true, 2]])
      })

      it('survive a plugin that removes all its listeners: attachment is checked at `on` and at `connect`', async () => {
        const { inner, plugin, seen } = setup()
        plugin.on('connect', () => seen.push(['connect']))
        const emitter = inner as unknown as { removeAllListeners(): void }
        emitter.removeAllListeners()
        plugin.on('disconnect', () => seen.push(['disconnect']))
        inner.emit('connect')
        inner.emit('disconnect')
        emitter.removeAllListeners()
        await plugin.connect()
        inner.emit('disconnect')
        expect(seen).toEqual([['connect'], ['disconnect'], ['disconnect']])
      })

      it('leave no listener behind after unwrap', () => {
        const { inner, plugin } = setup()
        const count = (): number[] =>
          ['connect', 'disconnect', 'error', 'custom'].map(
            (name) => (inner as unknown as EventEmitter).listeners(name).length
          )
        inner.on('connect', () => undefined)
        const before = [1, 0, 0, 0]
        for (const name of ['connect', 'error', 'custom']) plugin.on(name, () => undefined)
        plugin.once('connect', () => undefined)
        connected$(plugin).subscribe()
        expect(count()).not.toEqual(before)
        unwrap(plugin)
        expect(count()).toEqual(before)
      })
    })
  }
}

describe('listeners', () => {
  it('are attached to the inner plugin only while the host listens', () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [nothing])
    const listener = (): void => undefined
    const emitter = plugin as unknown as EventEmitter
    expect(emitter.on('connect', listener)).toBe(plugin)
    emitter.prependListener('connect', listener).on('custom', listener)
    expect(inner.listenerCount('connect')).toBe(1)
    emitter.off('connect', listener)
    expect(inner.listenerCount('connect')).toBe(1)
    plugin.removeListener('connect', listener)
    emitter.removeAllListeners('custom')
    expect(inner.eventNames()).toEqual([])
    emitter.addListener('a', listener).prependOnceListener('b', listener)
    inner.emit('b')
    expect(inner.eventNames()).toEqual(['a'])
    emitter.removeAllListeners()
    plugin.removeListener('never', listener)
    expect(inner.eventNames()).toEqual([])
  })

  it('are the host’s own: counts and names do not show the inner plugin’s', () => {
    const inner = new FakePlugin()
    inner.on('connect', () => undefined)
    const plugin = wrap(inner, []) as unknown as EventEmitter
    const listener = (): void => undefined
    expect([plugin.listenerCount('connect'), plugin.eventNames(), plugin.listeners('connect')]).toEqual([0, [], []])
    plugin.on('connect', listener)
    plugin.once('x', listener)
    expect(plugin.listeners('x')).toEqual([listener])
    expect(plugin.rawListeners('connect')).toEqual([listener])
    expect([plugin.listenerCount('connect'), plugin.eventNames()]).toEqual([1, ['connect', 'x']])
    expect(plugin.setMaxListeners(3).getMaxListeners()).toBe(3)
    expect(() => plugin.on('x', 5 as never)).toThrow(TypeError)
    expect(() => plugin.once('x', 5 as never)).toThrow(TypeError)
  })

  it('that hear an event once do so though it is emitted again while it is delivered', () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [])
    let heard = 0
    plugin.once('connect', () => inner.emit('connect'))
    plugin.once('connect', () => heard++)
    inner.emit('connect')
    expect(heard).toBe(1)
  })

  it('of newListener and removeListener are told of the host’s listeners alone', () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [])
    const seen: unknown[] = []
    plugin.on('newListener', (name: unknown) => seen.push(name))
    plugin.on('connect', () => undefined)
    inner.on('other', () => undefined)
    expect(seen).toEqual(['connect'])
  })

  it('hear what the host emits on the wrapped plugin, as the inner plugin’s own do', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [identity])
    const seen: string[] = []
    plugin.on('custom', () => seen.push('host'))
    inner.on('custom', () => seen.push('inner'))
    expect(plugin.emit('custom')).toBe(true)
    expect(plugin.emit('unheard')).toBe(false)
    expect(seen.sort()).toEqual(['host', 'inner'])
    setTimeout(() => inner.emit('later', 5), 0)
    expect(await once(plugin as unknown as EventEmitter, 'later')).toEqual([5])
  })

  it('throw what an emitter throws for an unheard error that is none', () => {
    const inner = new FakePlugin()
    wrap(inner, [identity])
    expect(() => inner.emit('error', 'text')).toThrow("Unhandled error. ('text')")
  })

  it('do not make an error heard that only an inner layer’s pipeline saw', () => {
    const inner = new FakePlugin()
    const lower = wrap(inner, [identity])
    const upper = wrap(lower, [lifecycle((s) => s, 'upper')])
    const error = new Error('x')
    expect(() => inner.emit('error', error)).toThrow(error)
    const seen: unknown[] = []
    lower.on('error', (e: unknown) => seen.push(e))
    inner.emit('error', error)
    upper.on('error', (e: unknown) => seen.push(e))
    inner.emit('error', error)
    expect(seen).toEqual([error, error, error])
  })

  it('work over an inner plugin whose emitter cannot list its listeners', () => {
    const seen: unknown[] = []
    const emitter = new EventEmitter()
    const inner = pluginOver({
      on: emitter.on.bind(emitter),
      once: emitter.once.bind(emitter),
      removeListener: emitter.removeListener.bind(emitter),
      emit: emitter.emit.bind(emitter)
    })
    const plugin = wrap(inner, [identity])
    plugin.on('connect', () => seen.push('connect'))
    inner.emit('connect')
    expect(seen).toEqual(['connect'])
    expect(() => inner.emit('error', new Error('x'))).toThrow('x')
  })
})

describe('lifecycle', () => {
  function setup(...operators: MonoTypeOperatorFunction<LifecycleEvent>[]): {
    inner: FakePlugin
    plugin: PluginV2
    seen: string[]
    lines: unknown[][]
  } {
    const inner = new FakePlugin()
    const lines: unknown[][] = []
    const log = { error: (...args: unknown[]) => lines.push(args) } as unknown as Log
    const plugin = wrap(
      inner,
      operators.map((operator, index) => lifecycle(operator, `life${index}`)),
      { log }
    )
    const seen: string[] = []
    for (const name of ['connect', 'disconnect', 'error']) plugin.on(name, () => seen.push(name))
    return { inner, plugin, seen, lines }
  }

  it('passes from wire to host, and an operator may suppress an event', () => {
    const order: string[] = []
    const { inner, seen } = setup(
      tap(({ type }) => order.push(`a:${type}`)),
      filter(({ type }) => type !== 'disconnect'),
      tap(({ type }) => order.push(`c:${type}`))
    )
    inner.emit('connect')
    inner.emit('disconnect')
    expect(order).toEqual(['a:connect', 'c:connect', 'a:disconnect'])
    expect(seen).toEqual(['connect'])
  })

  it('keeps isConnected true while a disconnect is held back, and is exact again afterwards', async () => {
    const held: (() => void)[] = []
    const { inner, plugin, seen } = setup(
      (source) => source,
      (source) =>
        new Observable((subscriber) =>
          source.subscribe((event) => {
            if (event.type !== 'disconnect') subscriber.next(event)
            else held.push(() => subscriber.next(event))
          })
        )
    )
    await plugin.connect()
    inner.lose()
    expect([inner.isConnected(), plugin.isConnected(), seen]).toEqual([false, true, ['connect']])
    plugin.on('disconnect', () => seen.push(String(plugin.isConnected())))
    held[0]?.()
    expect([plugin.isConnected(), seen]).toEqual([false, ['connect', 'disconnect', 'false']])
  })

  it('delivers an event that is released later outside of the inner plugin’s emit', async () => {
    const { inner, seen } = setup(delay(1))
    inner.emit('connect')
    expect(seen).toEqual([])
    await vi.waitFor(() => {
      expect(seen).toEqual(['connect'])
    })
  })

  it('throws an unheard error that is released later as an uncaught exception', async () => {
    const inner = new FakePlugin()
    wrap(inner, [lifecycle(delay(1))])
    const error = new Error('late')
    const caught = once(process, 'uncaughtException')
    const others = process.listeners('uncaughtException').slice(0, -1)
    for (const other of others) process.removeListener('uncaughtException', other)
    inner.emit('error', error)
    expect((await caught)[0]).toBe(error)
    for (const other of others) process.on('uncaughtException', other)
  })

  it('replaces an operator that fails or completes by identity, loses no event, and logs it', () => {
    const failing: MonoTypeOperatorFunction<LifecycleEvent> = map((event) => {
      if (event.type === 'disconnect') throw new Error('operator')
      return event
    })
    for (const operator of [failing, take<LifecycleEvent>(1), take<LifecycleEvent>(2)]) {
      const { inner, seen, lines } = setup(operator)
      for (const name of ['connect', 'disconnect', 'connect']) inner.emit(name)
      expect(seen).toEqual(['connect', 'disconnect', 'connect'])
      expect(lines).toHaveLength(1)
    }
  })

  it('replaces an operator that cannot even be set up', () => {
    const { inner, seen, lines } = setup(() => {
      throw new Error('setup')
    })
    inner.emit('connect')
    expect([seen, lines.length]).toEqual([['connect'], 1])

    const ended = setup(() => EMPTY)
    ended.inner.emit('connect')
    expect([ended.seen, ended.lines.length]).toEqual([['connect'], 1])
  })

  it('tells what an operator held back when it fails later', async () => {
    const { inner, seen } = setup((source) =>
      source.pipe(
        delay(1),
        map((event) => {
          if (event.type === 'disconnect') throw new Error('late')
          return event
        })
      )
    )
    inner.emit('connect')
    inner.emit('disconnect')
    await vi.waitFor(() => {
      expect(seen).toEqual(['connect', 'disconnect'])
    })
    expect(setup(() => of({ type: 'connect', args: [] })).seen).toEqual([])
  })

  it('tells what an operator held back before the error over which it fails', async () => {
    // the disconnect was lost, so isConnected() was true for ever
    const { inner, plugin, seen } = setup((source) =>
      source.pipe(
        filter(({ type }) => type !== 'disconnect'),
        map((event) => {
          if (event.type === 'error') throw new Error('operator')
          return event
        })
      )
    )
    await plugin.connect()
    inner.lose()
    expect(plugin.isConnected()).toBe(true)
    inner.emit('error', new Error('broken'))
    expect(seen).toEqual(['connect', 'disconnect', 'error'])
    expect(plugin.isConnected()).toBe(false)
  })

  it('tells of what its operator makes the plugin emit after what led to that', async () => {
    // a circuit breaker looks on; who hears of its facts may connect at once
    const operators: ((look: (event: LifecycleEvent) => void) => MonoTypeOperatorFunction<LifecycleEvent>)[] = [
      (look) => tap(look),
      (look) => (source) => {
        source.subscribe(look)
        return source
      }
    ]
    for (const operator of operators) {
      const { inner, plugin, seen } = setup(
        operator(({ type }) => {
          if (type === 'disconnect') void plugin.connect()
        }),
        (source) => source
      )
      const states: boolean[] = []
      connected$(plugin).subscribe((connected) => states.push(connected))
      await plugin.connect()
      inner.lose()
      expect(seen).toEqual(['connect', 'disconnect', 'connect'])
      expect(states).toEqual([false, true, false, true])
      expect(plugin.isConnected()).toBe(true)
    }
  })

  it('throws an unheard error that its operator makes the plugin emit', async () => {
    const inner = new FakePlugin()
    const error = new Error('broken')
    const plugin = wrap(inner, [lifecycle(tap(({ type }) => type === 'disconnect' && inner.emit('error', error)))])
    await plugin.connect()
    const seen: string[] = []
    plugin.on('disconnect', () => seen.push('disconnect'))
    expect(() => {
      inner.lose()
    }).toThrow(error)
    expect(seen).toEqual(['disconnect'])
  })

  it('reaches every consumer though a listener of one layer throws', () => {
    const inner = new FakePlugin()
    const lower = wrap(inner, [identity])
    const upper = wrap(lower, [lifecycle((s) => s, 'upper')])
    const seen: string[] = []
    for (const [name, plugin] of Object.entries({ lower, upper })) {
      plugin.on('connect', () => {
        seen.push(name)
        throw new Error(name)
      })
    }
    expect(() => inner.emit('connect')).toThrow(seen[0])
    expect(seen.sort()).toEqual(['lower', 'upper'])
  })

  it('delivers all events of a frame before it throws what a listener threw', () => {
    const { inner, plugin } = setup(concatMap((event) => [event, event]))
    let calls = 0
    plugin.on('connect', () => {
      calls++
      throw new Error('x')
    })
    expect(() => inner.emit('connect')).toThrow('x')
    expect(calls).toBe(2)
  })
})

describe('connected$', () => {
  it('gives the present state first, then each change', async () => {
    for (const middleware of [[], [identity]]) {
      const inner = new FakePlugin()
      const plugin = wrap(inner, middleware)
      const seen: boolean[] = []
      const subscription = connected$(plugin).subscribe((connected) => seen.push(connected))
      await plugin.connect()
      await plugin.connect()
      inner.lose()
      subscription.unsubscribe()
      await plugin.connect()
      expect(seen).toEqual([false, true, false])
      expect(inner.listenerCount('error')).toBe(middleware.length)
      connected$(plugin)
        .subscribe((connected) => seen.push(connected))
        .unsubscribe()
      expect(seen.at(-1)).toBe(true)
      const watching = connected$(plugin).subscribe()
      const listener = (): void => undefined
      plugin.on('error', listener)
      plugin.removeListener('error', listener)
      expect(inner.listenerCount('error')).toBe(middleware.length)
      watching.unsubscribe()
    }
  })

  it('cannot be used to break the plugin', async () => {
    const lines: unknown[][] = []
    const log = { error: (...args: unknown[]) => lines.push(args) } as unknown as Log
    const plugin = wrap(new FakePlugin(), [], { log })
    connected$(plugin).subscribe(() => {
      throw new Error('observer')
    })
    await plugin.connect()
    expect(lines).toHaveLength(2)
    expect(() => connected$(new FakePlugin())).toThrow(TypeError)
  })
})
