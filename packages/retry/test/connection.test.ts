import { MAX_TIMEOUT_MS, NotAcceptedError, connected$, errorOutcome, unwrap, wrap } from '@ilp-wrap/core'
import type { PluginV2 } from '@ilp-wrap/core'
import { rejectCode } from '@ilp-wrap/core/packet'
import { MemoryLog, emitter2Plugin, fulfill, loopbackPair, mockPair, rejectPacket, testClock } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { retry } from '../src/index.js'
import { script, setup, watch } from './setup.js'

const away = { mock: { connected: false } }
const down = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' })
const never = (): Promise<never> => new Promise(() => undefined)

/** The connects and disconnects that the host hears. */
function heardBy(plugin: PluginV2): string[] {
  const heard: string[] = []
  for (const type of ['connect', 'disconnect', 'error']) {
    plugin.on(type, (...args: unknown[]) => heard.push([type, ...args.map(String)].join(' ')))
  }
  return heard
}

describe('a packet sent while the plugin is away', () => {
  it('waits for connect, and is sent then', async () => {
    const { plugin, peer, clock, prepare, seen } = setup({}, away)
    const { sent, onData } = script(fulfill())
    peer.onData = onData
    const packet = prepare({ amount: 7 })
    const result = watch(plugin.sendData(packet))
    await clock.advance(1999)
    expect(sent).toHaveLength(0)
    expect(seen).toMatchObject([
      { type: 'packet-delayed', maxMs: 2000, amount: 7n, destination: 'example.receiver', source: 'retry' }
    ])
    peer.restore()
    await clock.advance(0)
    expect(sent).toEqual([packet])
    expect(result.outcome).toEqual({ value: fulfill() })
    expect(clock.pending).toBe(0)
  })

  it('is sent once anyway when connect does not come: there are plugins that say so while they are connected', async () => {
    const { plugin, inner, peer, clock, prepare } = setup({ reconnect: false })
    const { sent, onData } = script(fulfill())
    Object.assign(inner, { sendData: onData })
    // a BTP listener says so whenever any socket to it is closed
    peer.lose()
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(1999)
    expect(sent).toHaveLength(0)
    await clock.advance(1)
    expect(sent).toHaveLength(1)
    expect(result.outcome).toEqual({ value: fulfill() })
  })

  it('does not wait a second time when that was in vain: the error of the plugin goes back, the same object', async () => {
    const { plugin, inner, clock, prepare, seen } = setup({}, away)
    const error = Object.assign(new Error('no connection'), { notSent: true })
    const { sent, onData } = script({ throws: error }, fulfill())
    Object.assign(inner, { sendData: onData })
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(2000)
    expect((result.outcome as { error: unknown }).error).toBe(error)
    expect(sent).toHaveLength(1)
    expect(seen.at(-1)).toMatchObject({ type: 'retry-abandoned', reason: 'not-connected' })
  })

  it('is tried again if the plugin has connected by the time it fails', async () => {
    const { plugin, inner, peer, clock, prepare } = setup({}, away)
    const { sent, onData } = script({ throws: down() }, fulfill())
    Object.assign(inner, {
      sendData: (data: Buffer) => {
        if (sent.length === 0) peer.restore()
        return onData(data)
      }
    })
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(2100)
    expect(result.outcome).toEqual({ value: fulfill() })
  })

  it('waits no longer than its deadline, then is sent', async () => {
    const { plugin, inner, clock, prepare, seen } = setup({}, away)
    const { sent, onData } = script(fulfill())
    Object.assign(inner, { sendData: onData })
    void plugin.sendData(prepare({ expiresAt: clock.now() + 1500 }))
    await clock.advance(499)
    expect(sent).toHaveLength(0)
    await clock.advance(1)
    expect(sent).toHaveLength(1)
    expect(seen).toMatchObject([{ maxMs: 500 }])
  })

  it('is sent at once when its deadline leaves no time to wait', async () => {
    const { plugin, inner, clock, prepare, seen } = setup({}, away)
    const { sent, onData } = script(fulfill())
    Object.assign(inner, { sendData: onData })
    expect(await plugin.sendData(prepare({ expiresAt: clock.now() + 1000 }))).toEqual(fulfill())
    expect(sent).toHaveLength(1)
    expect(seen).toEqual([])
  })

  it('gets R00 without a wait when it has expired already', async () => {
    const { plugin, clock, prepare } = setup({}, away)
    expect(rejectCode(await plugin.sendData(prepare({ expiresAt: clock.now() })))).toBe('R00')
  })

  it('gets T01, not R00, when it expires before it could be sent', async () => {
    const { plugin, clock, prepare, seen } = setup({}, away)
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    clock.jump(3_600_000)
    await clock.advance(2000)
    expect(rejectCode((result.outcome as { value: Buffer }).value)).toBe('T01')
    expect(seen.at(-1)).toMatchObject({ type: 'packet-rejected', code: 'T01', unsent: 'deadline' })
  })

  it('is sent as it was when the host sent it', async () => {
    const { plugin, peer, clock, prepare } = setup({}, away)
    const { sent, onData } = script(fulfill())
    peer.onData = onData
    const packet = prepare()
    const original = Buffer.from(packet)
    void plugin.sendData(packet)
    packet.fill(9)
    peer.restore()
    await clock.advance(0)
    expect(sent).toEqual([original])
  })

  it('goes on in the order in which it came', async () => {
    const { plugin, peer, clock, prepare } = setup({}, away)
    const seen: Buffer[] = []
    peer.onData = (data) => {
      seen.push(data)
      return Promise.resolve(fulfill())
    }
    const packets = [1, 2, 3].map((amount) => prepare({ amount }))
    for (const packet of packets) void plugin.sendData(packet)
    peer.restore()
    await clock.advance(0)
    expect(seen).toEqual(packets)
  })

  it('is not sent within the emit of the plugin: its listeners have heard of the connection by then', async () => {
    const { plugin, peer, clock, prepare } = setup({}, away)
    const order: string[] = []
    plugin.on('connect', () => order.push('heard'))
    peer.onData = () => {
      order.push('sent')
      return Promise.resolve(fulfill())
    }
    void plugin.sendData(prepare())
    peer.restore()
    await clock.advance(0)
    expect(order).toEqual(['heard', 'sent'])
  })

  it('gets T01 at once when too many wait already; other data an error that proves that it was not sent', async () => {
    const { plugin, clock, prepare, seen } = setup({ maxWaiting: 1 }, away)
    const first = watch(plugin.sendData(prepare()))
    const answer = await plugin.sendData(prepare())
    expect(rejectCode(answer)).toBe('T01')
    const error: unknown = await plugin.sendData(Buffer.from('hello')).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ name: 'UnreachableError', code: 'ILP_WRAP_NOT_SENT', ilpErrorCode: 'T01' })
    expect(errorOutcome(error)).toBe('not-sent')
    expect(first.outcome).toBeUndefined()
    expect(seen.map((event) => (event.type === 'packet-rejected' ? event.unsent : event.type))).toEqual([
      'packet-delayed',
      'waiting-full',
      'waiting-full'
    ])
    await clock.advance(10_000)
  })

  it('gets T01 at once when the amounts that wait are too much together', async () => {
    const { plugin, prepare } = setup({ maxWaitingAmount: '10' }, away)
    void plugin.sendData(prepare({ amount: 10 }))
    expect(rejectCode(await plugin.sendData(prepare({ amount: 1 })))).toBe('T01')
  })

  it('gets T01 at once when the host disconnects or the plugin breaks; other data an error', async () => {
    for (const end of ['disconnect', 'error'] as const) {
      const { plugin, peer, clock, prepare } = setup({}, away)
      plugin.on('error', () => undefined)
      const packet = watch(plugin.sendData(prepare()))
      const data = watch(plugin.sendData(Buffer.from('hello')))
      await clock.advance(10)
      if (end === 'disconnect') void plugin.disconnect()
      else peer.fail(new Error('broken'))
      await clock.advance(0)
      expect(rejectCode((packet.outcome as { value: Buffer }).value)).toBe('T01')
      expect((data.outcome as { error: unknown }).error).toMatchObject({ name: 'UnreachableError' })
      expect(clock.pending).toBe(0)
    }
  })

  it('does not wait after disconnect(), or after an error: nothing will connect', async () => {
    const { plugin, inner, peer, clock, prepare } = setup()
    await plugin.disconnect()
    const { sent, onData } = script(fulfill(), fulfill())
    Object.assign(inner, { sendData: onData })
    await plugin.sendData(prepare())
    expect(sent).toHaveLength(1)
    plugin.on('error', () => undefined)
    peer.fail(new Error('broken'))
    await plugin.sendData(prepare())
    expect(sent).toHaveLength(2)
    expect(clock.pending).toBe(0)
  })

  it('does not wait when the option says so', async () => {
    const { plugin, inner, prepare } = setup({ waitForConnect: false }, away)
    const { sent, onData } = script(fulfill())
    Object.assign(inner, { sendData: onData })
    await plugin.sendData(prepare())
    expect(sent).toHaveLength(1)
  })

  it('waits as long as the option says', async () => {
    const { plugin, inner, clock, prepare } = setup({ waitForConnect: { maxMs: 100 } }, away)
    const { sent, onData } = script(fulfill())
    Object.assign(inner, { sendData: onData })
    void plugin.sendData(prepare())
    await clock.advance(100)
    expect(sent).toHaveLength(1)
  })
})

describe('a packet whose retry finds the plugin away', () => {
  it('waits for connect before its next attempt', async () => {
    const { plugin, peer, clock, prepare } = setup({ reconnect: false })
    const { sent, onData } = script({ throws: down() }, fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    peer.lose()
    await clock.advance(1000)
    expect(sent).toHaveLength(1)
    peer.restore()
    await clock.advance(0)
    expect(sent).toHaveLength(2)
    expect(result.outcome).toEqual({ value: fulfill() })
  })

  it('is sent anyway after that wait', async () => {
    const { plugin, inner, peer, clock, prepare } = setup({ reconnect: false })
    const { sent, onData } = script({ throws: down() }, fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    peer.lose()
    Object.assign(inner, { sendData: onData })
    await clock.advance(2040)
    expect(sent).toHaveLength(2)
    expect(result.outcome).toEqual({ value: fulfill() })
  })

  it('gets its last outcome when the host disconnects meanwhile', async () => {
    const { plugin, peer, clock, prepare, seen } = setup({ reconnect: false })
    const answer = rejectPacket('T00')
    peer.onData = script(answer, fulfill()).onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    peer.lose()
    await clock.advance(100)
    void plugin.disconnect()
    await clock.advance(0)
    expect(result.outcome).toEqual({ value: answer })
    expect(seen.at(-1)).toMatchObject({ type: 'retry-abandoned', reason: 'disconnected' })
  })

  it('keeps its place among those that wait', async () => {
    const { plugin, peer, clock, prepare } = setup({ maxWaiting: 1, reconnect: false })
    peer.onData = script(rejectPacket('T00'), fulfill()).onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    peer.lose()
    await clock.advance(100)
    expect(rejectCode(await plugin.sendData(prepare()))).toBe('T01')
    peer.restore()
    await clock.advance(0)
    expect(result.outcome).toEqual({ value: fulfill() })
  })

  it('gets its last outcome, without a later attempt, when its deadline has come', async () => {
    const { plugin, peer, clock, prepare, seen } = setup({ reconnect: false })
    const answer = rejectPacket('T00')
    const { sent, onData } = script(answer, fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare({ expiresAt: clock.now() + 1050 })))
    await clock.advance(10)
    peer.lose()
    await clock.advance(40)
    clock.jump(5)
    await clock.advance(1)
    expect(result.outcome).toEqual({ value: answer })
    expect(sent).toHaveLength(1)
    expect(seen.at(-1)).toMatchObject({ reason: 'deadline' })
  })
})

describe('connect()', () => {
  it('tries again until the plugin is connected', async () => {
    const { plugin, peer, clock, seen } = setup({}, away)
    let tries = 0
    peer.onConnect = () => {
      tries += 1
      return tries < 3 ? Promise.reject(down()) : Promise.resolve()
    }
    const result = watch(plugin.connect())
    await clock.advance(1000)
    expect(result.outcome).toEqual({ value: undefined })
    expect(plugin.isConnected()).toBe(true)
    expect(seen).toMatchObject([
      { type: 'connect-scheduled', attempt: 1, delayMs: 50, error: 'Error' },
      { type: 'connect-scheduled', attempt: 2, delayMs: 100, error: 'Error' }
    ])
    expect(clock.pending).toBe(0)
  })

  it('hands the options of the host on as they are, each time', async () => {
    const { plugin, peer, clock } = setup({}, away)
    const given: unknown[] = []
    peer.onConnect = (options) => {
      given.push(options)
      return given.length < 2 ? Promise.reject(down()) : Promise.resolve()
    }
    const options = { timeout: 5000 }
    void plugin.connect(options)
    await clock.advance(1000)
    expect(given).toHaveLength(2)
    expect(given[0]).toBe(options)
    expect(given[1]).toBe(options)
  })

  it('ends with the last error of the plugin, the same object, when its time is over', async () => {
    const { plugin, peer, clock } = setup({ connectTimeoutMs: 1000 }, away)
    const errors: unknown[] = []
    peer.onConnect = () => {
      const error = down()
      errors.push(error)
      return Promise.reject(error)
    }
    const result = watch(plugin.connect())
    await clock.advance(999)
    expect(result.outcome).toBeUndefined()
    await clock.advance(1)
    expect((result.outcome as { error: unknown }).error).toBe(errors.at(-1))
    const tries = errors.length
    await clock.advance(60_000)
    expect(errors).toHaveLength(tries)
    expect(clock.pending).toBe(0)
  })

  it('ends in time where the plugin ignores its timeout', async () => {
    // ilp-plugin-btp waits for a dead port for ever
    const { plugin, peer, clock } = setup({ connectTimeoutMs: 1000 }, away)
    peer.onConnect = never
    const short = watch(plugin.connect({ timeout: 300 }))
    await clock.advance(300)
    expect((short.outcome as { error: unknown }).error).toMatchObject({
      name: 'UnreachableError',
      code: 'ILP_WRAP_CONNECT_TIMEOUT'
    })
    const standard = watch(plugin.connect({ timeout: 0 }))
    await clock.advance(999)
    expect(standard.outcome).toBeUndefined()
    await clock.advance(1)
    expect(standard.outcome).toBeDefined()
    const eager = watch(plugin.connect({ timeout: -5 }))
    await clock.advance(1)
    expect(eager.outcome).toBeDefined()
  })

  it('goes on for ever if the host says so', async () => {
    const { plugin, peer, clock } = setup({}, away)
    let succeed: (() => void) | undefined
    peer.onConnect = () =>
      new Promise((resolve) => {
        succeed = resolve
      })
    const results = [Infinity, MAX_TIMEOUT_MS + 1].map((timeout) => watch(plugin.connect({ timeout })))
    await clock.advance(3_600_000)
    expect(results.map(({ outcome }) => outcome)).toEqual([undefined, undefined])
    succeed?.()
    await clock.advance(0)
    expect(results.map(({ outcome }) => outcome)).toEqual([{ value: undefined }, { value: undefined }])
  })

  it('does not try again when the plugin says that it is in vain', async () => {
    for (const error of [new NotAcceptedError('no'), new TypeError('no')]) {
      const { plugin, peer, clock } = setup({}, away)
      let tries = 0
      peer.onConnect = () => {
        tries += 1
        return Promise.reject(error)
      }
      const result = watch(plugin.connect())
      await clock.advance(60_000)
      expect((result.outcome as { error: unknown }).error).toBe(error)
      expect(tries).toBe(1)
    }
  })

  it('tries again after whatever is thrown, and hands that back in the end', async () => {
    const { plugin, inner, clock, seen } = setup({}, away)
    Object.assign(inner, {
      connect: () => {
        throw undefined
      }
    })
    const result = watch(plugin.connect({ timeout: 100 }))
    await clock.advance(100)
    expect(result.outcome).toEqual({ error: undefined })
    expect(seen[0]).toMatchObject({ type: 'connect-scheduled', error: 'undefined' })
  })

  it('is one for several calls at a time, none of which resolves before the plugin is connected', async () => {
    // the second connect() of ilp-plugin-btp resolves at once
    const { plugin, inner, clock } = setup({}, away)
    let succeed: (() => void) | undefined
    let calls = 0
    const real = inner.connect.bind(inner)
    inner.connect = () => {
      calls += 1
      if (calls > 1) return Promise.resolve()
      return new Promise((resolve, reject) => {
        succeed = () => void real().then(resolve, reject)
      })
    }
    const results = [watch(plugin.connect()), watch(plugin.connect())]
    await clock.advance(1000)
    expect(results.map(({ outcome }) => outcome)).toEqual([undefined, undefined])
    succeed?.()
    await clock.advance(0)
    expect(results.map(({ outcome }) => outcome)).toEqual([{ value: undefined }, { value: undefined }])
    expect(calls).toBe(1)
  })

  it('does not believe a plugin that resolves without being connected, and waits for its connect', async () => {
    const { plugin, inner, peer, clock } = setup({}, away)
    inner.connect = () => Promise.resolve()
    const result = watch(plugin.connect())
    await clock.advance(5000)
    expect(result.outcome).toBeUndefined()
    peer.restore()
    await clock.advance(0)
    expect(result.outcome).toEqual({ value: undefined })
  })

  it('ends when it is overtaken by disconnect()', async () => {
    const { plugin, peer, clock } = setup({}, away)
    peer.onConnect = () => Promise.reject(down())
    const result = watch(plugin.connect())
    await clock.advance(10)
    await plugin.disconnect()
    await clock.advance(0)
    expect((result.outcome as { error: unknown }).error).toMatchObject({ code: 'ILP_WRAP_DISCONNECTED' })
    expect(clock.pending).toBe(0)
  })

  it('ends when the plugin breaks, even before its own connect() has returned', async () => {
    const { plugin, inner, peer, clock } = setup({}, away)
    const heard = heardBy(plugin)
    let calls = 0
    inner.connect = () => {
      calls += 1
      peer.fail(new Error('broken'))
      return Promise.reject(down())
    }
    const result = watch(plugin.connect())
    await clock.advance(60_000)
    expect((result.outcome as { error: unknown }).error).toMatchObject({ code: 'ILP_WRAP_DISCONNECTED' })
    expect([calls, heard]).toEqual([1, ['error Error: broken']])
    expect(clock.pending).toBe(0)
  })

  it('of a connected plugin is the affair of the plugin', async () => {
    const { plugin, inner } = setup()
    const given: unknown[] = []
    inner.connect = (options) => Promise.resolve(void given.push(options))
    const options = { timeout: 1 }
    await plugin.connect(options)
    expect(given[0]).toBe(options)
  })

  it('of a connected plugin is where keeping it connected begins again', async () => {
    // the plugin refused to disconnect, so the host's next connect() found it connected: no event told of that
    const { plugin, inner, peer, clock } = setup()
    const heard = heardBy(plugin)
    inner.disconnect = () => Promise.reject(new Error('busy'))
    await expect(plugin.disconnect()).rejects.toThrow('busy')
    await plugin.connect()
    peer.lose()
    await clock.advance(500)
    expect(inner.connected).toBe(true)
    await clock.advance(60_000)
    expect(heard).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('of a connected plugin changes nothing when disconnect() comes meanwhile, or the connection is gone by then', async () => {
    for (const end of ['disconnect', 'loss'] as const) {
      const { plugin, inner, peer, clock } = setup()
      inner.disconnect = () => Promise.reject(new Error('busy'))
      await expect(plugin.disconnect()).rejects.toThrow('busy')
      let calls = 0
      inner.connect = () => Promise.resolve(void (calls += 1))
      const result = watch(plugin.connect())
      if (end === 'disconnect') await plugin.disconnect().catch(() => undefined)
      else peer.lose()
      await clock.advance(60_000)
      expect(result.outcome).toEqual({ value: undefined })
      peer.lose()
      await clock.advance(60_000)
      expect(calls).toBe(1)
      expect(clock.pending).toBe(0)
    }
  })
})

describe('a lost connection', () => {
  it('shorter than holdDisconnectMs is kept from the host', async () => {
    const { plugin, peer, clock, seen } = setup({ reconnect: false })
    const heard = heardBy(plugin)
    peer.lose()
    expect(plugin.isConnected()).toBe(true)
    await clock.advance(1999)
    expect(plugin.isConnected()).toBe(true)
    peer.restore()
    await clock.advance(10_000)
    expect(heard).toEqual([])
    expect(plugin.isConnected()).toBe(true)
    expect(seen).toMatchObject([
      { type: 'disconnect-held', maxMs: 2000 },
      { type: 'disconnect-spared', afterMs: 1999 }
    ])
    expect(clock.pending).toBe(0)
  })

  it('that outlasts holdDisconnectMs is told: one disconnect, one connect, with their arguments', async () => {
    const { plugin, peer, clock } = setup({ reconnect: false })
    const heard = heardBy(plugin)
    peer.lose('why', 1)
    await clock.advance(2000)
    expect(plugin.isConnected()).toBe(false)
    expect(heard).toEqual(['disconnect why 1'])
    peer.restore('again')
    expect(heard).toEqual(['disconnect why 1', 'connect again'])
    expect(plugin.isConnected()).toBe(true)
  })

  it('is told at once when nothing is to be held back', async () => {
    const { plugin, peer } = setup({ holdDisconnectMs: 0, reconnect: false })
    const heard = heardBy(plugin)
    peer.lose()
    expect(heard).toEqual(['disconnect'])
    expect(plugin.isConnected()).toBe(false)
    peer.restore()
    expect(heard).toEqual(['disconnect', 'connect'])
  })

  it('is known to the host at once when it disconnects meanwhile', async () => {
    const { plugin, peer, clock } = setup()
    const heard = heardBy(plugin)
    peer.lose()
    const closing = plugin.disconnect()
    expect(heard).toEqual(['disconnect'])
    expect(plugin.isConnected()).toBe(false)
    await closing
    await clock.advance(60_000)
    expect(heard).toEqual(['disconnect'])
    expect(clock.pending).toBe(0)
  })

  it('is known to the host before an error that follows', async () => {
    const { plugin, peer, clock } = setup()
    const heard = heardBy(plugin)
    peer.lose()
    peer.fail(new Error('broken'))
    expect(heard).toEqual(['disconnect', 'error Error: broken'])
    await clock.advance(60_000)
    expect(clock.pending).toBe(0)
  })

  it('is held back once, however often the plugin tells of it', async () => {
    const { plugin, peer, clock } = setup({ reconnect: false })
    const heard = heardBy(plugin)
    peer.lose('first')
    peer.lose('second')
    await clock.advance(5000)
    expect(heard).toEqual(['disconnect first'])
  })

  it('is none that the host has asked for: its disconnect is told at once', async () => {
    const { plugin, clock } = setup()
    const heard = heardBy(plugin)
    await plugin.disconnect()
    expect(heard).toEqual(['disconnect'])
    expect(clock.pending).toBe(0)
  })

  it('is none of a plugin that never was connected', async () => {
    const { plugin, peer, clock } = setup({}, away)
    const heard = heardBy(plugin)
    peer.lose()
    expect(heard).toEqual(['disconnect'])
    expect(clock.pending).toBe(0)
  })

  it('can be held back again and again', async () => {
    const { plugin, peer, clock } = setup({ reconnect: false })
    const heard = heardBy(plugin)
    for (let i = 0; i < 3; i++) {
      peer.lose()
      await clock.advance(1000)
      peer.restore()
      await clock.advance(1000)
    }
    peer.lose()
    await clock.advance(2000)
    expect(heard).toEqual(['disconnect'])
  })

  it('reaches observers of the connection as it reaches the host', async () => {
    const { plugin, peer, clock } = setup({ reconnect: false })
    const states: boolean[] = []
    connected$(plugin).subscribe((connected) => states.push(connected))
    peer.lose()
    await clock.advance(100)
    peer.restore()
    peer.lose()
    await clock.advance(2000)
    expect(states).toEqual([true, false])
  })

  it('is kept from the host, and lets waiting packets go, when a connect() ends it without an event', async () => {
    const { plugin, inner, peer, clock, prepare, seen } = setup()
    const heard = heardBy(plugin)
    peer.onData = script(fulfill()).onData
    peer.lose()
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(100)
    inner.connect = () => {
      inner.connected = true
      return Promise.resolve()
    }
    await plugin.connect()
    await clock.advance(0)
    expect(result.outcome).toEqual({ value: fulfill() })
    await clock.advance(60_000)
    expect(heard).toEqual([])
    expect(seen.at(-1)).toMatchObject({ type: 'disconnect-spared', afterMs: 100 })
    expect(clock.pending).toBe(0)
  })
})

describe('connecting again', () => {
  it('is left to the plugin for half a second, then asked of it', async () => {
    const { plugin, peer, clock } = setup()
    const heard = heardBy(plugin)
    const given: unknown[] = []
    peer.onConnect = (options) => Promise.resolve(void given.push(options))
    peer.lose()
    await clock.advance(499)
    expect(given).toEqual([])
    await clock.advance(1)
    expect(given).toEqual([{ timeout: 10_000 }])
    expect(plugin.isConnected()).toBe(true)
    expect(heard).toEqual([])
    await clock.advance(60_000)
    expect(given).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('is not asked of a plugin that does it by itself', async () => {
    const { peer, clock } = setup()
    let calls = 0
    peer.onConnect = () => Promise.resolve(void (calls += 1))
    peer.lose()
    await clock.advance(100)
    peer.restore()
    await clock.advance(60_000)
    expect(calls).toBe(0)
  })

  it('goes on with growing waits until it succeeds', async () => {
    const { plugin, peer, clock } = setup()
    const heard = heardBy(plugin)
    let tries = 0
    peer.onConnect = () => {
      tries += 1
      return tries < 20 ? Promise.reject(down()) : Promise.resolve()
    }
    peer.lose()
    await clock.advance(60_000)
    expect(tries).toBe(20)
    expect(plugin.isConnected()).toBe(true)
    expect(heard).toEqual(['disconnect', 'connect'])
    expect(clock.pending).toBe(0)
  })

  it('goes on with a plugin that takes a second connect() for nothing to do', async () => {
    const { plugin, inner, peer, clock } = setup()
    let calls = 0
    inner.connect = () => Promise.resolve(void (calls += 1))
    peer.lose()
    await clock.advance(5000)
    expect(calls).toBeGreaterThan(2)
    peer.restore()
    const until = calls
    await clock.advance(60_000)
    expect(calls).toBe(until)
    expect(plugin.isConnected()).toBe(true)
  })

  it('ends when the plugin says that it is in vain', async () => {
    const log = new MemoryLog()
    const { peer, clock, seen } = setup({}, { context: { log } })
    let tries = 0
    peer.onConnect = () => {
      tries += 1
      return Promise.reject(new NotAcceptedError('secret'))
    }
    peer.lose()
    await clock.advance(60_000)
    expect(tries).toBe(1)
    expect(seen.at(-1)).toMatchObject({ type: 'reconnect-abandoned', error: 'NotAcceptedError' })
    expect(log.lines).toEqual(['error: connecting again is in vain: NotAcceptedError'])
    expect(clock.pending).toBe(0)
  })

  it('ends with disconnect() and with an error', async () => {
    for (const end of ['disconnect', 'error'] as const) {
      const { plugin, peer, clock } = setup()
      plugin.on('error', () => undefined)
      let tries = 0
      peer.onConnect = () => {
        tries += 1
        return Promise.reject(down())
      }
      peer.lose()
      await clock.advance(1000)
      if (end === 'disconnect') await plugin.disconnect()
      else peer.fail(new Error('broken'))
      const until = tries
      await clock.advance(60_000)
      expect(tries).toBe(until)
      expect(clock.pending).toBe(0)
    }
  })

  it('is never done when the option says so', async () => {
    const { peer, clock } = setup({ reconnect: false })
    let tries = 0
    peer.onConnect = () => Promise.resolve(void (tries += 1))
    peer.lose()
    await clock.advance(60_000)
    expect(tries).toBe(0)
  })

  it('gives way to a connect() of the host, and goes on when that fails', async () => {
    const { plugin, peer, clock } = setup()
    let tries = 0
    let open = false
    peer.onConnect = () => {
      tries += 1
      return open ? Promise.resolve() : Promise.reject(down())
    }
    peer.lose()
    await clock.advance(600)
    const result = watch(plugin.connect({ timeout: 100 }))
    await clock.advance(100)
    expect(result.outcome).toBeDefined()
    const until = tries
    open = true
    await clock.advance(500)
    expect(tries).toBe(until + 1)
    expect(plugin.isConnected()).toBe(true)
  })

  it('waits for the end of a connect() within which the connection comes and goes, and is done once at a time', async () => {
    // there were two loops, and only the second could be ended: the first connected after disconnect() and unwrap()
    for (const end of ['disconnect', 'unwrap', undefined] as const) {
      const { plugin, inner, peer, clock } = setup({ holdDisconnectMs: 0 }, away)
      const calls: number[] = []
      inner.connect = () => {
        calls.push(clock.monotonic())
        if (calls.length > 1) return Promise.reject(down())
        peer.restore()
        peer.lose()
        return never()
      }
      const result = watch(plugin.connect({ timeout: 100 }))
      await clock.advance(400)
      expect((result.outcome as { error: unknown }).error).toMatchObject({ code: 'ILP_WRAP_CONNECT_TIMEOUT' })
      if (end === 'disconnect') await plugin.disconnect()
      if (end === 'unwrap') unwrap(plugin)
      await clock.advance(250)
      expect(calls).toEqual(end === undefined ? [0, 600, 650] : [0])
      if (end === undefined) continue
      await clock.advance(60_000)
      expect(calls).toEqual([0])
      expect(clock.pending).toBe(0)
    }
  })

  it('helps a connect() that resolves when the connection has come and gone, however many wait for it', async () => {
    const { plugin, inner, peer, clock } = setup({}, away)
    const heard = heardBy(plugin)
    let calls = 0
    inner.connect = () => {
      calls += 1
      peer.restore()
      if (calls === 1) peer.lose()
      return Promise.resolve()
    }
    const first = watch(plugin.connect())
    await clock.advance(400)
    const second = watch(plugin.connect())
    await clock.advance(99)
    expect([first.outcome, second.outcome]).toEqual([undefined, undefined])
    await clock.advance(1)
    expect([first.outcome, second.outcome]).toEqual([{ value: undefined }, { value: undefined }])
    await clock.advance(60_000)
    expect(calls).toBe(2)
    expect(heard).toEqual(['connect'])
    expect(clock.pending).toBe(0)
  })

  it('is done when the plugin is connected without having said so, and lets waiting packets go', async () => {
    const { plugin, inner, peer, clock, prepare } = setup()
    const heard = heardBy(plugin)
    peer.onData = script(fulfill()).onData
    inner.connect = () => {
      inner.connected = true
      return Promise.resolve()
    }
    peer.lose()
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(500)
    expect(result.outcome).toEqual({ value: fulfill() })
    expect(plugin.isConnected()).toBe(true)
    expect(heard).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('needs no call when the plugin is connected by then without having said so', async () => {
    const { inner, peer, clock } = setup()
    let calls = 0
    inner.connect = () => Promise.resolve(void (calls += 1))
    peer.lose()
    inner.connected = true
    await clock.advance(1000)
    expect(calls).toBe(0)
  })
})

describe('a plugin that connects after disconnect()', () => {
  it('is not kept connected, and what it says goes to the host at once', async () => {
    const { plugin, peer, clock } = setup()
    const heard = heardBy(plugin)
    let calls = 0
    peer.onConnect = () => Promise.resolve(void (calls += 1))
    await plugin.disconnect()
    peer.restore()
    peer.lose()
    expect(heard).toEqual(['disconnect', 'connect', 'disconnect'])
    await clock.advance(60_000)
    expect(calls).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('because it was told to before is told to disconnect again, however that connect() ends', async () => {
    for (const how of ['resolves', 'rejects'] as const) {
      for (const who of ['retry', 'host'] as const) {
        const { plugin, inner, peer, clock } = setup({}, who === 'host' ? away : {})
        let end: (() => void) | undefined
        inner.connect = () =>
          new Promise((resolve, reject) => {
            end =
              how === 'resolves'
                ? resolve
                : () => {
                    reject(down())
                  }
          })
        if (who === 'retry') peer.lose()
        else watch(plugin.connect())
        await clock.advance(500)
        await plugin.disconnect()
        peer.restore()
        expect(inner.connected).toBe(true)
        end?.()
        await clock.advance(0)
        expect(inner.connected).toBe(false)
        expect(clock.pending).toBe(0)
      }
    }
  })

  it('is left connected when the host has asked for that again, or for its plugin back', async () => {
    for (const wish of ['connect', 'unwrap'] as const) {
      const { plugin, inner, peer, clock } = setup()
      let end: (() => void) | undefined
      inner.connect = () =>
        new Promise((resolve) => {
          end = resolve
        })
      peer.lose()
      await clock.advance(500)
      const first = end
      await plugin.disconnect()
      if (wish === 'connect') watch(plugin.connect())
      else unwrap(plugin)
      peer.restore()
      first?.()
      await clock.advance(60_000)
      expect(inner.connected).toBe(true)
    }
  })
})

describe('unwrap()', () => {
  it('ends all waiting, and leaves no timer and no listener', async () => {
    const { plugin, inner, peer, clock, prepare } = setup()
    const before = mockPair().plugin.eventNames()
    const answer = rejectPacket('T00')
    peer.onData = script(answer).onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    peer.lose()
    unwrap(plugin)
    await clock.advance(0)
    expect(result.outcome).toEqual({ value: answer })
    expect(clock.pending).toBe(0)
    expect(inner.eventNames()).toEqual(before)
  })

  it('makes connect() fail at once, not only when its time is over', async () => {
    const { plugin, inner, clock } = setup({}, away)
    unwrap(plugin)
    const result = watch(plugin.connect())
    await clock.advance(0)
    expect((result.outcome as { error: unknown }).error).toMatchObject({ code: 'ILP_WRAP_UNWRAPPED' })
    expect(inner.connected).toBe(false)
    expect(clock.pending).toBe(0)
  })
})

describe('a plugin that is an EventEmitter2', () => {
  it('is kept connected just the same', async () => {
    const clock = testClock()
    const { alice, bob, link } = loopbackPair({ clock, reconnectMs: 100 })
    await bob.connect()
    bob.registerDataHandler(() => Promise.resolve(fulfill()))
    const plugin = wrap(emitter2Plugin(alice), [retry()], { clock })
    const heard = heardBy(plugin)
    await plugin.connect()
    link.lose()
    expect(plugin.isConnected()).toBe(true)
    await clock.advance(200)
    expect(heard).toEqual(['connect'])
    await plugin.disconnect()
    expect(heard).toEqual(['connect', 'disconnect'])
    await bob.disconnect()
  })
})
