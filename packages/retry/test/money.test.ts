import { InvalidServicesError, MoneyNotSentError, errorOutcome, events, unwrap, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginEvent, PluginV2, Store } from '@ilp-wrap/core'
import { MemoryLog, MemoryStore, mockPair } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { retry } from '../src/index.js'
import { setup, watch } from './setup.js'

const account = 'bob'
const NAME = 'ilp-wrap:retry:money:1:bob'
const DAY = 86_400_000
const timedOut = (): Error => new Error('17 timed out')
const definite = (): Error => Object.assign(new Error('no channel'), { name: 'MoneyNotSentError' })

interface Call {
  readonly amount: string
  readonly key: string
  readonly accept: () => void
  readonly refuse: (error: unknown) => void
}

/** A plugin that takes keys, whose payments the test decides. */
function setupMoney(store: Store = new MemoryStore(), log = new MemoryLog()) {
  const calls: Call[] = []
  const made = setup({}, { context: { store, account, log } })
  const { plugin: inner, peer } = mockPair({ connected: true })
  const able = Object.assign(inner, {
    sendMoneyOnce: (amount: string, { key }: { key: string }) =>
      new Promise<void>((accept, refuse: (error: unknown) => void) => {
        calls.push({ amount, key, accept, refuse })
      })
  })
  const { clock } = made
  const plugin = wrap(able, [retry({ random: () => 0.5 })], { clock, store, account, log })
  return { plugin, inner: able, peer, clock, calls, store, log }
}

/** Writes when it is told to. */
class SlowStore extends MemoryStore {
  write: () => void = () => undefined

  override put(name: string, value: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.write = () => void super.put(name, value).then(resolve, reject)
    })
  }
}

/** The n-th call, once it has been made. */
async function call(calls: readonly Call[], number: number): Promise<Call> {
  while (calls.length <= number) await new Promise((resolve) => setImmediate(resolve))
  return calls[number] as Call
}

const stored = async (store: Store): Promise<[string, unknown[]][]> =>
  JSON.parse((await store.get(NAME)) ?? '[]') as [string, unknown[]][]
const keysIn = async (store: Store): Promise<string[]> => (await stored(store)).map(([key]) => key)

describe('money of a plugin that takes an idempotency key', () => {
  it('has its key stored before the first try', async () => {
    const { plugin, calls, store } = setupMoney()
    const sending = plugin.sendMoney('500')
    const { amount, key, accept } = await call(calls, 0)
    expect(amount).toBe('500')
    // 128 bits
    expect(key).toMatch(/^[0-9a-f]{32}$/)
    expect(await stored(store)).toEqual([[key, ['500', expect.any(Number)]]])
    accept()
    expect(await sending).toBeUndefined()
  })

  it('has another key for each payment', async () => {
    const { plugin, calls } = setupMoney()
    void plugin.sendMoney('5')
    void plugin.sendMoney('5')
    const keys = [(await call(calls, 0)).key, (await call(calls, 1)).key]
    expect(new Set(keys).size).toBe(2)
  })

  it('goes on under the same key and amount until it is acknowledged, with waits up to an hour', async () => {
    const { plugin, clock, calls } = setupMoney()
    const result = watch(plugin.sendMoney('500'))
    let before = clock.monotonic()
    const waits: number[] = []
    for (let i = 0; i < 16; i++) {
      const { refuse } = await call(calls, i)
      waits.push(clock.monotonic() - before)
      before = clock.monotonic()
      refuse(timedOut())
      while (calls.length === i + 1) await clock.advance(500)
    }
    expect(waits.slice(1, 5)).toEqual([500, 1000, 2000, 4000])
    expect(waits.at(-1)).toBe(1_800_000)
    expect(new Set(calls.map(({ amount, key }) => `${amount} ${key}`)).size).toBe(1)
    expect(result.outcome).toBeUndefined()
    ;(await call(calls, 16)).accept()
    await clock.advance(0)
    expect(result.outcome).toEqual({ value: undefined })
    expect(clock.pending).toBe(0)
  })

  it('is told of: each further try, and the acknowledgement', async () => {
    const { plugin, clock, calls } = setupMoney()
    const seen: PluginEvent[] = []
    events(plugin).subscribe((event) => seen.push(event))
    void plugin.sendMoney('500')
    const { key, refuse } = await call(calls, 0)
    refuse(timedOut())
    await clock.advance(500)
    ;(await call(calls, 1)).accept()
    await clock.advance(0)
    expect(seen).toMatchObject([
      { type: 'money-retry-scheduled', key, amount: '500', attempt: 1, delayMs: 500, error: 'Error', source: 'retry' },
      { type: 'money-acknowledged', key, amount: '500', attempts: 2, resumed: false }
    ])
  })

  it('is not replayed when it is known not to have been sent: the settlement recomputes its amount', async () => {
    for (const error of [definite(), new Error(JSON.stringify({ code: 'F00', name: 'NotAcceptedError' }))]) {
      const { plugin, clock, calls, store } = setupMoney()
      const result = watch(plugin.sendMoney('500'))
      ;(await call(calls, 0)).refuse(error)
      await clock.advance(10_000)
      expect((result.outcome as { error: unknown }).error).toBe(error)
      expect(calls).toHaveLength(1)
      expect(await stored(store)).toEqual([])
    }
  })

  it('that may have been sent once is settled by an acknowledgement alone', async () => {
    const { plugin, clock, calls } = setupMoney()
    const result = watch(plugin.sendMoney('500'))
    ;(await call(calls, 0)).refuse(timedOut())
    await clock.advance(500)
    ;(await call(calls, 1)).refuse(definite())
    await clock.advance(1000)
    expect(result.outcome).toBeUndefined()
    ;(await call(calls, 2)).accept()
    await clock.advance(0)
    expect(result.outcome).toEqual({ value: undefined })
  })

  it('keeps the key for a day after the acknowledgement', async () => {
    const { plugin, clock, calls, store } = setupMoney()
    const pay = async (number: number): Promise<string> => {
      const sending = plugin.sendMoney('5')
      const { key, accept } = await call(calls, number)
      accept()
      await sending
      return key
    }
    const first = await pay(0)
    clock.jump(DAY)
    const second = await pay(1)
    expect(await keysIn(store)).toEqual([first, second])
    clock.jump(1)
    const third = await pay(2)
    expect(await keysIn(store)).toEqual([second, third])
  })

  it('ends its waits with disconnect(), with the last error, and goes on under its key after connect()', async () => {
    const { plugin, clock, calls, store } = setupMoney()
    const result = watch(plugin.sendMoney('500'))
    const error = timedOut()
    const { key, refuse } = await call(calls, 0)
    refuse(error)
    await clock.advance(10)
    await plugin.disconnect()
    await clock.advance(0)
    expect((result.outcome as { error: unknown }).error).toBe(error)
    expect(await stored(store)).toEqual([[key, ['500', expect.any(Number)]]])
    await clock.advance(60_000)
    expect(calls).toHaveLength(1)

    await plugin.connect()
    const again = await call(calls, 1)
    expect([again.key, again.amount]).toEqual([key, '500'])
    // even a definite refusal does not undo what the first try may have done
    again.refuse(definite())
    await clock.advance(500)
    ;(await call(calls, 2)).accept()
    await clock.advance(0)
    expect(await stored(store)).toEqual([[key, ['500', expect.any(Number), expect.any(Number)]]])
  })

  it('goes on after a restart, and only what was not acknowledged', async () => {
    const before = setupMoney()
    void before.plugin.sendMoney('1')
    ;(await call(before.calls, 0)).accept()
    void before.plugin.sendMoney('2').catch(() => undefined)
    const { key } = await call(before.calls, 1)

    const after = setupMoney(before.store)
    after.inner.connected = false
    await after.plugin.connect()
    const resumed = await call(after.calls, 0)
    expect([resumed.key, resumed.amount]).toEqual([key, '2'])
    resumed.accept()
    await after.clock.advance(10_000)
    expect(after.calls).toHaveLength(1)
  })

  it('is not sent twice at a time when the host connects while it is under way', async () => {
    const { plugin, peer, clock, calls } = setupMoney()
    void plugin.sendMoney('500')
    await call(calls, 0)
    peer.lose()
    await plugin.connect()
    await clock.advance(0)
    expect(calls).toHaveLength(1)
  })

  it('that is still unacknowledged when the host disconnects again is left for the next time', async () => {
    const { plugin, clock, calls, store, log } = setupMoney()
    await store.put(NAME, JSON.stringify([['ab', ['7', 1]]]))
    await plugin.connect()
    ;(await call(calls, 0)).refuse(timedOut())
    await clock.advance(10)
    await plugin.disconnect()
    await clock.advance(0)
    expect(log.lines).toEqual(['warn: money under key ab is still unacknowledged: Error'])
    expect(await stored(store)).toEqual([['ab', ['7', 1]]])
  })

  it('is not sent when the key cannot be stored, which proves that nothing moved', async () => {
    const full = new Error('disk full')
    const { plugin, calls, store } = setupMoney()
    store.put = () => Promise.reject(full)
    await expect(plugin.sendMoney('5')).rejects.toMatchObject({ name: 'MoneyNotSentError', cause: full })
    expect(calls).toHaveLength(0)
    // one failed write is not the end of those after it
    store.put = () => Promise.resolve()
    void plugin.sendMoney('5')
    await call(calls, 0)
  })

  it('has moved even if that cannot be stored any more', async () => {
    const { plugin, calls, store, log } = setupMoney()
    const sending = plugin.sendMoney('5')
    const { accept } = await call(calls, 0)
    store.put = () => Promise.reject(new Error('disk full'))
    accept()
    expect(await sending).toBeUndefined()
    expect(log.lines).toEqual(['error: the log of outgoing money could not be stored: Error'])
  })

  it('of an amount that is none is refused before anything is called', async () => {
    const { plugin, calls } = setupMoney()
    for (const amount of ['', '-1', '1.5', '1e3', ' 1', '01', 5, NaN, undefined]) {
      await expect(plugin.sendMoney(amount as string)).rejects.toMatchObject({ name: 'InvalidFieldsError' })
    }
    expect(calls).toHaveLength(0)
  })

  it('of amount 0 goes to the plugin as it is', async () => {
    const { plugin, peer, calls } = setupMoney()
    const amounts: string[] = []
    peer.onMoney = (amount) => Promise.resolve(void amounts.push(amount))
    await plugin.sendMoney('0')
    expect(amounts).toEqual(['0'])
    expect(calls).toHaveLength(0)
  })

  it('ends its waits when the plugin is unwrapped', async () => {
    const { plugin, clock, calls } = setupMoney()
    const result = watch(plugin.sendMoney('500'))
    ;(await call(calls, 0)).refuse(undefined)
    await clock.advance(10)
    unwrap(plugin)
    await clock.advance(0)
    expect(result.outcome).toEqual({ error: undefined })
    expect(clock.pending).toBe(0)
  })

  it('that is under way at disconnect() or when the plugin is unwrapped ends with its attempt', async () => {
    const ends = [
      (plugin: PluginV2) => plugin.disconnect(),
      async (plugin: PluginV2) => Promise.resolve(unwrap(plugin))
    ]
    for (const end of ends) {
      const { plugin, clock, calls } = setupMoney()
      const result = watch(plugin.sendMoney('500'))
      const { refuse } = await call(calls, 0)
      await end(plugin)
      const error = timedOut()
      refuse(error)
      await clock.advance(60_000)
      expect(result.outcome).toEqual({ error })
      expect(calls).toHaveLength(1)
      expect(clock.pending).toBe(0)
    }
  })

  it('that begins while the host connects is sent once, and not before its key is stored', async () => {
    // `connect()` ended while the store wrote, and took the key for one of an earlier process
    const store = new SlowStore()
    const { plugin, inner, calls } = setupMoney(store)
    inner.connected = false
    const sending = new Promise<void>((resolve, reject) => {
      plugin.once('connect', () => void plugin.sendMoney('5').then(resolve, reject))
    })
    await plugin.connect()
    await new Promise((resolve) => setImmediate(resolve))
    expect(calls).toHaveLength(0)
    store.write()
    const { key, accept } = await call(calls, 0)
    expect(await keysIn(store)).toEqual([key])
    accept()
    await new Promise((resolve) => setImmediate(resolve))
    store.write()
    await sending
    await plugin.connect()
    expect(calls).toHaveLength(1)
  })

  it('whose key could not be stored is paid by no later process, unless the host is told that it may be', async () => {
    const disk = new Error('disk full')
    const makes = async (store: Store, name: string, value: string): Promise<void> => {
      await MemoryStore.prototype.put.call(store, name, value)
      throw disk
    }
    // the write was made all the same, and is undone
    const undone = setupMoney()
    const put = undone.store.put.bind(undone.store)
    undone.store.put = (name, value) => {
      undone.store.put = put
      return makes(undone.store, name, value)
    }
    await expect(undone.plugin.sendMoney('5')).rejects.toMatchObject({ name: 'MoneyNotSentError', cause: disk })
    expect(await stored(undone.store)).toEqual([])
    // it cannot be undone, or nobody knows
    for (const get of [undefined, () => Promise.reject(disk)]) {
      const { plugin, store, calls } = setupMoney()
      await plugin.connect()
      const { get: before } = store
      store.put = async (name, value) => {
        if (get !== undefined) store.get = get
        if ((await before.call(store, name)) === undefined) await makes(store, name, value)
        throw disk
      }
      const error: unknown = await plugin.sendMoney('5').catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'ILP_WRAP_MONEY_IN_DOUBT', cause: disk })
      expect(errorOutcome(error)).toBe('ambiguous')
      expect(calls).toHaveLength(0)
    }
  })

  it('that was refused is in doubt as long as its key cannot be taken out of the store', async () => {
    const { plugin, calls, store } = setupMoney()
    const sending = plugin.sendMoney('5')
    const { refuse } = await call(calls, 0)
    store.put = () => Promise.reject(new Error('disk full'))
    const error = definite()
    refuse(error)
    // a MoneyNotSentError would be a proof, and the next process would send it
    await expect(sending).rejects.toMatchObject({ code: 'ILP_WRAP_MONEY_IN_DOUBT', cause: error })
    await plugin.connect()
    expect(calls).toHaveLength(1)
  })

  it('that is open is not taken up, or tried once, when the host disconnects as soon as it is connected', async () => {
    const begun: number[] = []
    // at each step on the way from the plugin to the host
    for (let steps = 0; steps < 20; steps++) {
      const { plugin, inner, peer, calls, store, clock } = setupMoney()
      inner.connected = false
      await store.put(NAME, JSON.stringify([['ab', ['7', 1]]]))
      const connected = new Promise<void>((resolve) => {
        peer.onConnect = () => Promise.resolve(resolve())
      })
      const connecting = watch(plugin.connect())
      await connected
      for (let i = 0; i < steps; i++) await Promise.resolve()
      await plugin.disconnect()
      for (const { refuse } of calls) refuse(timedOut())
      await clock.advance(60_000)
      expect(connecting.outcome).toBeDefined()
      begun.push(calls.length)
    }
    expect(new Set(begun)).toEqual(new Set([0, 1]))
  })

  it('is in no write before its own', async () => {
    const { plugin, calls, store } = setupMoney()
    const put = store.put.bind(store)
    let writes = 0
    store.put = (name, value) => (++writes === 1 ? put(name, value) : Promise.reject(new Error('disk full')))
    void plugin.sendMoney('1')
    const second = watch(plugin.sendMoney('2'))
    const { key } = await call(calls, 0)
    await new Promise((resolve) => setImmediate(resolve))
    expect((second.outcome as { error: unknown }).error).toBeInstanceOf(MoneyNotSentError)
    expect(await keysIn(store)).toEqual([key])
  })
})

describe('the stored keys', () => {
  it.each([
    'no JSON',
    '{}',
    '[1]',
    '[[1, []]]',
    '[["a", 1]]',
    '[["a", [1, 2]]]',
    '[["a", ["1", "2"]]]',
    '[["a", ["1", 2, "3"]]]'
  ])('that cannot be read (%s) keep the plugin from connecting, and money from being sent', async (text) => {
    const { plugin, inner, store, calls } = setupMoney()
    inner.connected = false
    await store.put(NAME, text)
    await expect(plugin.connect()).rejects.toBeInstanceOf(InvalidServicesError)
    expect(inner.connected).toBe(false)
    await expect(plugin.sendMoney('5')).rejects.toMatchObject({ name: 'MoneyNotSentError' })
    expect(calls).toHaveLength(0)
    // mended, they are read
    await store.put(NAME, '[]')
    await plugin.connect()
    expect(inner.connected).toBe(true)
  })

  it('are read before the plugin connects', async () => {
    const order: string[] = []
    const store = new MemoryStore()
    const get = store.get.bind(store)
    store.get = async (name) => {
      const value = await get(name)
      order.push('read')
      return value
    }
    const { plugin, inner, peer } = setupMoney(store)
    inner.connected = false
    peer.onConnect = () => Promise.resolve(void order.push('connect'))
    await plugin.connect()
    expect(order).toEqual(['read', 'connect'])
  })

  it('that the store does not give keep connect() no longer than its time, or until disconnect()', async () => {
    const { plugin, inner, store, clock } = setupMoney()
    inner.connected = false
    let give!: () => void
    store.get = () =>
      new Promise((resolve) => {
        give = () => resolve(undefined)
      })
    const late = watch(plugin.connect({ timeout: 1000 }))
    await clock.advance(1000)
    expect(late.outcome).toMatchObject({ error: { code: 'ILP_WRAP_CONNECT_TIMEOUT' } })
    const ended = watch(plugin.connect())
    await clock.advance(0)
    await plugin.disconnect()
    await clock.advance(0)
    expect(ended.outcome).toMatchObject({ error: { code: 'ILP_WRAP_DISCONNECTED' } })
    give()
    await clock.advance(60_000)
    expect(inner.connected).toBe(false)
  })
})

describe('a plugin that says idempotentMoney', () => {
  const dropping: Middleware = (plugin) => wrap(plugin, [])

  /** Counts the payments that fail in doubt, and keeps their second arguments. */
  function setupFlag(list: (middleware: Middleware) => readonly Middleware[]) {
    const { clock } = setup()
    const seconds: unknown[] = []
    const { plugin: inner } = mockPair({ connected: true })
    Object.assign(inner, {
      idempotentMoney: true,
      sendMoney: (_amount: string, options: unknown) => {
        seconds.push(options)
        return seconds.length < 2 ? Promise.reject(timedOut()) : Promise.resolve()
      }
    })
    const store = new MemoryStore()
    const plugin = wrap(inner, list(retry({ random: () => 0 })), { clock, store, account })
    return { plugin, clock, seconds }
  }

  it('gets the key as a second argument of sendMoney', async () => {
    const { plugin, clock, seconds } = setupFlag((middleware) => [middleware])
    const result = watch(plugin.sendMoney('5'))
    await clock.advance(10)
    expect(result.outcome).toEqual({ value: undefined })
    expect(seconds).toEqual([{ key: expect.any(String) as string }, seconds[0]])
  })

  it('is asked once if a layer beneath would drop the key, since without it the plugin would pay twice', async () => {
    const { plugin, clock, seconds } = setupFlag((middleware) => [dropping, middleware])
    const result = watch(plugin.sendMoney('5'))
    await clock.advance(10_000)
    expect(result.outcome).toEqual({ error: timedOut() })
    expect(seconds).toEqual([undefined])
  })
})

describe('a plugin that takes keys', () => {
  it.each([{ account }, { store: new MemoryStore() }, {}])(
    'is asked once, without a key, where none can be kept (%o)',
    async (services) => {
      const log = new MemoryLog()
      const { plugin: inner, peer } = mockPair({ connected: true })
      let calls = 0
      Object.assign(inner, { sendMoneyOnce: () => Promise.reject(new Error('unused')) })
      peer.onMoney = () => {
        calls += 1
        return Promise.reject(timedOut())
      }
      const plugin = wrap(inner, [retry()], { ...services, log })
      await expect(plugin.sendMoney('5')).rejects.toThrow('timed out')
      expect(calls).toBe(1)
      expect(log.lines).toEqual([
        'warn: money is not retried: the key of a payment must be stored, which takes a `store` and an `account`'
      ])
    }
  )
})
