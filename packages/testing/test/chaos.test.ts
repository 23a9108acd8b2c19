import { describe as describeStack, errorOutcome, events, unwrap, wrap } from '@ilp-wrap/core'
import type { PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { fulfillFulfillment, rejectCode } from '@ilp-wrap/core/packet'
import { describe, expect, it } from 'vitest'
import {
  FULFILLMENT,
  MemoryLog,
  chaos,
  chaosOf,
  conformance,
  flaky,
  fulfill,
  loopbackPair,
  mockPair,
  prepare,
  referenceFactory,
  rejectPacket,
  testClock
} from '../src/index.js'
import type { ChaosHandle, ChaosOptions, ChaosRates, MockPeer, MockPlugin, TestClock } from '../src/index.js'

const hello = Buffer.from('hello')

describe('chaos that does nothing', () => {
  conformance({ describe, it }, referenceFactory(), { wrap: chaos(), supports: { recovers: true } })
})

describe('chaos with rates of 0', () => {
  const nothing: ChaosRates = { delay: 0, drop: 0 }
  conformance({ describe, it }, referenceFactory(), {
    wrap: chaos({ outgoing: nothing, incoming: nothing }),
    supports: { recovers: true }
  })
})

interface Setup {
  readonly inner: MockPlugin
  readonly peer: MockPeer
  readonly plugin: PluginV2
  readonly clock: TestClock
  readonly log: MemoryLog
  readonly handle: ChaosHandle
  /** What reached the other side: the peer, or the host. */
  readonly arrived: string[]
}

/** A connected plugin whose peer and host fulfill everything. */
function setup(options: ChaosOptions): Setup {
  const { plugin: inner, peer } = mockPair({ connected: true })
  const clock = testClock()
  const log = new MemoryLog()
  const plugin = wrap(inner, [chaos(options)], { clock, log })
  const arrived: string[] = []
  const take = (data: Buffer): Promise<Buffer> => {
    arrived.push(data.subarray(-5).toString())
    return Promise.resolve(fulfill())
  }
  peer.onData = take
  peer.onMoney = async (amount) => void arrived.push(amount)
  plugin.registerDataHandler(take)
  plugin.registerMoneyHandler(async (amount) => void arrived.push(amount))
  return { inner, peer, plugin, clock, log, handle: chaosOf(plugin), arrived }
}

/** A prepare that expires 1 s from now; its last five characters name it. */
function packet({ clock }: Setup, name = 'hello'): Buffer {
  return prepare({ expiresAt: clock.now() + 1000, data: Buffer.from(name) })
}

/** What has become of a promise by now. */
function watch<T>(promise: Promise<T>): { state: 'pending' | 'resolved' | 'rejected'; value?: T; error?: unknown } {
  const seen: ReturnType<typeof watch<T>> = { state: 'pending' }
  promise.then(
    (value) => Object.assign(seen, { state: 'resolved', value }),
    (error: unknown) => Object.assign(seen, { state: 'rejected', error })
  )
  return seen
}

const directions = ['outgoing', 'incoming'] as const

/** Sends as the host, or as the peer. */
function send({ plugin, peer }: Setup, direction: 'outgoing' | 'incoming', data: Buffer): Promise<Buffer> {
  return direction === 'outgoing' ? plugin.sendData(data) : peer.sendData(data)
}

describe('chaos', () => {
  it('stands at the wire, in the directions that it is told of', () => {
    const places = [
      { outgoing: flaky, incoming: {} },
      { outgoing: flaky },
      { incoming: flaky, outgoing: false } as const
    ]
    expect(places.map((options) => describeStack(setup(options).plugin).middleware)).toEqual([
      [{ name: 'chaos', place: { incoming: 'wire', outgoing: 'wire' } }],
      [{ name: 'chaos', place: { outgoing: 'wire' } }],
      [{ name: 'chaos', place: { incoming: 'wire' } }]
    ])
  })

  it('refuses bad options, each by its name', () => {
    expect(() => chaos({ outgoing: { delay: 2 } })).toThrow('`outgoing.delay`')
    expect(() => chaos({ incoming: { deley: 1 } } as never)).toThrow('Unknown option `incoming.deley`')
    expect(() => chaos({ outgoing: { drop: 0.6, wrong: 0.6 } })).toThrow('at most 1 together')
    expect(() => chaos({ outgoing: { drop: 0.1, wrong: 0.2, late: 0.7 } })).not.toThrow()
    expect(() => chaos({ seed: -1 })).toThrow('`seed`')
    expect(() => chaos({ rejectCodes: [] })).toThrow('`rejectCodes`')
    expect(() => chaos({ rejectCodes: ['X00'] })).toThrow('`rejectCodes`')
    expect(() => chaos({ throwAs: ['sent' as never] })).toThrow('`throwAs`')
    expect(() => chaos({ cut: 5 as never })).toThrow('`cut`')
    expect(() => chaos({ spare: 5 as never })).toThrow('`spare`')
    expect(() => chaos({ incoming: false, outgoing: false })).not.toThrow()
  })

  it('has no controls where it is not', () => {
    expect(() => chaosOf(wrap(mockPair().plugin, []))).toThrow(TypeError)
  })

  describe.each(directions)('%s', (direction) => {
    it('delays packets and answers', async () => {
      const it = setup({ [direction]: { delay: 1, delayAnswer: 1 }, delayMs: 100 })
      const ended = watch(send(it, direction, packet(it)))
      await it.clock.advance(0)
      expect(it.arrived).toEqual([])
      await it.clock.advance(101)
      expect(it.arrived).toEqual(['hello'])
      await it.clock.advance(101)
      expect(ended).toEqual({ state: 'resolved', value: fulfill() })
      expect(it.handle.counts[direction]).toMatchObject({ delay: 1, delayAnswer: 1 })
    })

    it('lets the next packet pass, or none if none comes', async () => {
      // of this seed, the first and the third packet step aside
      const it = setup({ [direction]: { reorder: 0.5 }, seed: direction === 'outgoing' ? 2 : 4, reorderMs: 100 })
      const names = ['one  ', 'two  ', 'three', 'four ', 'five ', 'six  ']
      const ended = names.map((name) => watch(send(it, direction, packet(it, name))))
      await it.clock.advance(0)
      expect(it.arrived).not.toEqual(names.slice(0, it.arrived.length))
      await it.clock.advance(101)
      expect([...it.arrived].sort()).toEqual([...names].sort())
      expect(ended.every(({ state }) => state === 'resolved')).toBe(true)
      expect(it.handle.counts[direction].reorder).toBeGreaterThan(0)
      expect(it.clock.pending).toBe(0)
    })

    it('answers prepares with rejects before they reach the other side', async () => {
      const it = setup({ [direction]: { reject: 1 } })
      const codes = new Set<string | undefined>()
      for (let i = 0; i < 50; i++) codes.add(rejectCode(await send(it, direction, packet(it))))
      expect([...codes].sort()).toEqual(['T00', 'T01', 'T02', 'T03'])
      expect(it.arrived).toEqual([])
    })

    it('answers with codes of any kind that it is told', async () => {
      const it = setup({ [direction]: { reject: 1 }, rejectCodes: ['F02'] })
      expect(rejectCode(await send(it, direction, packet(it)))).toBe('F02')
    })

    it('answers prepares with what is no answer to them, without passing them on', async () => {
      const it = setup({ [direction]: { wrong: 1 } })
      const kinds = new Set<string>()
      for (let i = 0; i < 50; i++) {
        const answer = await send(it, direction, packet(it))
        const fulfillment = fulfillFulfillment(answer)
        expect(fulfillment).not.toEqual(FULFILLMENT)
        kinds.add(fulfillment === undefined ? answer.toString() : 'fulfillment')
      }
      expect([...kinds].sort()).toEqual(['', 'chaos: noise', 'fulfillment'])
      expect(it.arrived).toEqual([])
    })

    it('does to other data nothing that speaks ILP', async () => {
      const it = setup({ [direction]: { reject: 0.3, wrong: 0.3, late: 0.2, twice: 0.2 } })
      for (let i = 0; i < 20; i++) expect(await send(it, direction, hello)).toEqual(fulfill())
      expect(it.arrived).toHaveLength(20)
    })

    it('passes packets on twice, and hands back the first answer', async () => {
      const it = setup({ [direction]: { duplicate: 1 } })
      const answers = [fulfill(), rejectPacket('F99')]
      const take = (data: Buffer): Promise<Buffer> => {
        it.arrived.push(data.subarray(-5).toString())
        return Promise.resolve(answers.shift()!)
      }
      it.peer.onData = take
      it.plugin.deregisterDataHandler()
      it.plugin.registerDataHandler(take)
      expect(await send(it, direction, packet(it))).toEqual(fulfill())
      expect(it.arrived).toEqual(['hello', 'hello'])
    })

    it('answers after the expiry', async () => {
      const it = setup({ [direction]: { late: 1 }, lateMs: 50 })
      const ended = watch(send(it, direction, packet(it)))
      await it.clock.advance(1049)
      expect([ended.state, it.arrived]).toEqual(['pending', ['hello']])
      await it.clock.advance(1)
      expect(ended.value).toEqual(fulfill())
    })

    it('does not wait when an answer is late by itself', async () => {
      const it = setup({ [direction]: { late: 1 }, lateMs: 0 })
      it.clock.jump(2000)
      const expired = prepare({ expiresAt: it.clock.now() - 1000 })
      expect(await send(it, direction, expired)).toEqual(fulfill())
    })

    it('answers twice, of which the first counts', async () => {
      const it = setup({ [direction]: { twice: 1 } })
      expect(await send(it, direction, packet(it))).toEqual(fulfill())
      const error = new Error('other side')
      it.peer.onData = () => Promise.reject(error)
      it.plugin.deregisterDataHandler()
      it.plugin.registerDataHandler(() => Promise.reject(error))
      await expect(send(it, direction, packet(it))).rejects.toBe(error)
    })

    it('throws in each way in which attempts fail', async () => {
      const it = setup({ [direction]: { throw: 1 } })
      const outcomes: string[] = []
      for (let i = 0; i < 60; i++) {
        const ended = watch(send(it, direction, packet(it)))
        await it.clock.advance(0)
        outcomes.push(errorOutcome(ended.error))
      }
      expect([...new Set(outcomes)].sort()).toEqual(['ambiguous', 'not-sent', 'refused'])
      // the peer takes an error for a refusal: then the host must not have it
      const ambiguous = outcomes.filter((each) => each === 'ambiguous').length
      if (direction === 'incoming') expect(it.arrived).toEqual([])
      else expect(it.arrived.length > 0 && it.arrived.length < ambiguous).toBe(true)
    })

    it('survives an inner error behind an ambiguous one', async () => {
      const it = setup({ [direction]: { throw: 1 }, throwAs: ['ambiguous'] })
      it.peer.onData = () => Promise.reject(new Error('other side'))
      for (let i = 0; i < 10; i++) await expect(send(it, direction, packet(it))).rejects.toThrow('socket hang up')
    })

    it('leaves alone what it is told to spare', async () => {
      const it = setup({ [direction]: { reject: 1 }, spare: (data) => data.includes('spare') })
      expect(await send(it, direction, packet(it, 'spare'))).toEqual(fulfill())
      expect(rejectCode(await send(it, direction, packet(it)))).toMatch(/^T0/)
    })

    it('pauses and goes on', async () => {
      const it = setup({ [direction]: { reject: 1, failMoney: 1 } })
      it.handle.pause()
      expect(await send(it, direction, packet(it))).toEqual(fulfill())
      await it.plugin.sendMoney('5')
      it.handle.resume()
      expect(rejectCode(await send(it, direction, packet(it)))).toMatch(/^T0/)
    })

    it('tells observers what it does, and counts it', async () => {
      const it = setup({ [direction]: { reject: 1 } })
      const seen: PluginEvent[] = []
      await send(it, direction, packet(it))
      events(it.plugin).subscribe((event) => seen.push(event))
      await send(it, direction, packet(it))
      expect(seen).toEqual([{ type: 'chaos-struck', source: 'chaos', at: it.clock.now(), direction, strike: 'reject' }])
      expect(it.handle.counts[direction].reject).toBe(2)
      expect(it.handle.counts[direction === 'outgoing' ? 'incoming' : 'outgoing'].reject).toBe(0)
    })

    it('lets money fail for certain', async () => {
      const it = setup({ [direction]: { failMoney: 1 } })
      const pay = (): Promise<void> => (direction === 'outgoing' ? it.plugin.sendMoney('5') : it.peer.sendMoney('5'))
      await expect(pay()).rejects.toMatchObject({ name: 'MoneyNotSentError' })
      expect(it.arrived).toEqual([])
    })
  })

  it('loses packets on their way out, which fail after a time without an answer', async () => {
    const it = setup({ outgoing: { drop: 1 }, timeoutMs: 500 })
    const ended = watch(it.plugin.sendData(packet(it)))
    await it.clock.advance(499)
    expect(ended.state).toBe('pending')
    await it.clock.advance(1)
    expect([ended.state, errorOutcome(ended.error), it.arrived]).toEqual(['rejected', 'ambiguous', []])
  })

  it('loses answers on their way back', async () => {
    const it = setup({ outgoing: { dropAnswer: 1 }, timeoutMs: 500 })
    const ended = watch(it.plugin.sendData(packet(it)))
    await it.clock.advance(500)
    expect([errorOutcome(ended.error), it.arrived]).toEqual(['ambiguous', ['hello']])
    it.peer.onData = () => Promise.reject(new Error('lost, too'))
    const failed = watch(it.plugin.sendData(packet(it)))
    await it.clock.advance(500)
    expect(String(failed.error)).toContain('timed out')
  })

  it('never answers incoming packets that are lost, since an error would be a refusal', async () => {
    const it = setup({ incoming: { drop: 0.5, dropAnswer: 0.5 } })
    const ended = Array.from({ length: 20 }, () => watch(it.peer.sendData(packet(it))))
    await it.clock.advance(1_000_000)
    expect(ended.every(({ state }) => state === 'pending')).toBe(true)
    expect(it.arrived.length).toBe(it.handle.counts.incoming.dropAnswer)
    expect(it.clock.pending).toBe(0)
  })

  it('loses outgoing money, or only the news of it', async () => {
    const it = setup({ outgoing: { loseMoney: 1 }, incoming: { loseMoney: 1 } })
    for (let i = 0; i < 40; i++) {
      const ended = watch(it.plugin.sendMoney('5'))
      await it.clock.advance(0)
      expect(errorOutcome(ended.error)).toBe('ambiguous')
    }
    expect(it.arrived.length).toBeGreaterThan(5)
    expect(it.arrived.length).toBeLessThan(35)
    const before = it.arrived.length
    await it.peer.sendMoney('7')
    expect(it.arrived.length).toBe(before + 1)
  })

  it('repeats a run by its seed, whatever comes in meanwhile', async () => {
    const run = async (seed: number, incoming: boolean): Promise<string[]> => {
      const it = setup({
        seed,
        outgoing: { reject: 0.3, drop: 0.2, throw: 0.2, wrong: 0.1 },
        incoming: flaky,
        timeoutMs: 5
      })
      const seen: string[] = []
      for (let i = 0; i < 60; i++) {
        if (incoming) watch(it.peer.sendData(packet(it)))
        const ended = watch(it.plugin.sendData(packet(it)))
        await it.clock.advance(5)
        seen.push(ended.state === 'resolved' ? ended.value!.toString('hex') : String(ended.error))
      }
      return seen
    }
    const first = await run(7, false)
    expect(await run(7, false)).toEqual(first)
    expect(await run(7, true)).toEqual(first)
    expect(await run(8, false)).not.toEqual(first)
  })

  it('does nothing else to a packet when another rate changes', async () => {
    const rejected = async (rates: ChaosRates): Promise<boolean[]> => {
      const it = setup({ seed: 3, outgoing: rates, delayMs: 5 })
      const seen: boolean[] = []
      for (let i = 0; i < 40; i++) {
        const ended = watch(it.plugin.sendData(packet(it)))
        await it.clock.advance(20)
        seen.push(rejectCode(ended.value!) !== undefined)
      }
      return seen
    }
    const first = await rejected({ reject: 0.5 })
    expect(first).toContain(true)
    expect(first).toContain(false)
    expect(await rejected({ reject: 0.5, delay: 0.5, delayAnswer: 0.5 })).toEqual(first)
  })
})

describe('chaos and the connection', () => {
  it('ends what waits at once when it is disconnected, and leaves no timer', async () => {
    const it = setup({
      outgoing: { delay: 0.25, drop: 0.25, late: 0.25, delayAnswer: 0.5, reorder: 0.3 },
      incoming: { delay: 0.5, delayAnswer: 0.5 },
      delayMs: 10_000,
      reorderMs: 10_000
    })
    const ended = Array.from({ length: 40 }, (_, i) => watch(send(it, directions[i % 2]!, packet(it))))
    await it.clock.advance(1)
    expect(ended.filter(({ state }) => state === 'pending').length).toBeGreaterThan(20)
    await it.plugin.disconnect()
    await it.clock.advance(0)
    expect(ended.filter(({ state }) => state === 'pending')).toEqual([])
    const errors = ended.filter(({ state }) => state === 'rejected').map(({ error }) => errorOutcome(error))
    expect([...new Set(errors)].sort()).toEqual(['ambiguous', 'not-sent'])
    expect(it.clock.pending).toBe(0)
  })

  it('leaves no timer when it is unwrapped', async () => {
    const it = setup({ outgoing: { drop: 1 } })
    const ended = watch(it.plugin.sendData(hello))
    await it.clock.advance(1)
    unwrap(it.plugin)
    await it.clock.advance(0)
    expect([ended.state, it.clock.pending]).toEqual(['rejected', 0])
  })

  it('cuts the connection before a packet goes on, and brings it back', async () => {
    const it = setup({ outgoing: { cut: 1 }, downMs: 100 })
    const seen: string[] = []
    it.plugin.on('connect', () => seen.push('connect'))
    it.plugin.on('disconnect', () => seen.push('disconnect'))
    const ended = watch(it.plugin.sendData(packet(it)))
    await it.clock.advance(0)
    expect([seen, it.plugin.isConnected(), errorOutcome(ended.error)]).toEqual([['disconnect'], false, 'not-sent'])
    it.handle.pause()
    await it.clock.advance(100)
    expect([seen, it.plugin.isConnected()]).toEqual([['disconnect', 'connect'], true])
    expect(await it.plugin.sendData(packet(it))).toEqual(fulfill())
    expect([it.handle.counts.outgoing.cut, it.arrived, it.clock.pending]).toEqual([1, ['hello'], 0])
  })

  it('cuts between packets: those on their way are answered, those that follow wait until it is cut', async () => {
    const it = setup({ outgoing: { cut: 1 }, downMs: 100 })
    it.handle.pause()
    it.peer.onData = undefined
    const first = watch(it.plugin.sendData(packet(it, 'first')))
    const request = await it.peer.request()
    // what it has let pass counts, too: nothing may be on its way when it cuts
    it.handle.resume()
    const second = watch(it.plugin.sendData(packet(it, 'later')))
    const third = watch(it.plugin.sendData(packet(it, 'later')))
    await it.clock.advance(50)
    expect([it.plugin.isConnected(), first.state, second.state, third.state]).toEqual([
      true,
      'pending',
      'pending',
      'pending'
    ])
    request.fulfill()
    await it.clock.advance(0)
    expect([first.state, it.plugin.isConnected(), second.state, third.state]).toEqual([
      'resolved',
      false,
      'rejected',
      'rejected'
    ])
    expect(it.handle.counts.outgoing.cut).toBe(1)
  })

  it('calls a cut off when what is on its way does not end', async () => {
    const it = setup({ outgoing: { cut: 1 }, drainMs: 200 })
    it.peer.onData = undefined
    it.handle.pause()
    watch(it.plugin.sendData(packet(it, 'first')))
    it.handle.resume()
    const second = watch(it.plugin.sendData(packet(it, 'later')))
    await it.clock.advance(199)
    expect(it.peer.requests.size).toBe(1)
    await it.clock.advance(1)
    expect([it.peer.requests.size, second.state, it.plugin.isConnected()]).toEqual([2, 'pending', true])
  })

  it('cuts for incoming packets, too, when the one that it was drawn for is answered', async () => {
    const it = setup({ incoming: { cut: 1 }, downMs: 100 })
    expect(await it.peer.sendData(packet(it))).toEqual(fulfill())
    await it.clock.advance(0)
    expect([it.plugin.isConnected(), it.handle.counts.incoming.cut]).toEqual([false, 1])
    await it.clock.advance(100)
    expect(it.plugin.isConnected()).toBe(true)
  })

  it('tries again until it is connected', async () => {
    const it = setup({ outgoing: { cut: 1 }, downMs: 100 })
    let attempts = 0
    it.peer.onConnect = async () => {
      if (++attempts < 4) throw new Error('away')
    }
    watch(it.plugin.sendData(packet(it)))
    await it.clock.advance(350)
    expect([attempts, it.plugin.isConnected()]).toEqual([3, false])
    await it.clock.advance(50)
    expect([attempts, it.plugin.isConnected()]).toEqual([4, true])
  })

  it('does not connect again what the host has disconnected, until the host does', async () => {
    const it = setup({ outgoing: { cut: 1 }, downMs: 100 })
    watch(it.plugin.sendData(packet(it)))
    await it.clock.advance(50)
    await it.plugin.disconnect()
    await it.clock.advance(1000)
    expect([it.plugin.isConnected(), it.log.lines]).toEqual([false, []])
    await it.plugin.connect()
    watch(it.plugin.sendData(packet(it)))
    await it.clock.advance(200)
    expect([it.plugin.isConnected(), it.handle.counts.outgoing.cut]).toEqual([true, 2])
  })

  it('lets those go who wait for a cut when the host disconnects', async () => {
    const it = setup({ outgoing: { cut: 1 } })
    it.handle.pause()
    it.peer.onData = undefined
    watch(it.plugin.sendData(packet(it)))
    it.handle.resume()
    const waiting = watch(it.plugin.sendData(packet(it)))
    await it.clock.advance(10)
    await it.plugin.disconnect()
    await it.clock.advance(0)
    expect([errorOutcome(waiting.error), it.clock.pending]).toEqual(['not-sent', 0])
  })

  it('cuts as it is told, for plugins that come back by themselves', async () => {
    const clock = testClock()
    const { alice, bob, link } = loopbackPair({ clock, reconnectMs: 20 })
    await Promise.all([alice.connect(), bob.connect()])
    bob.registerDataHandler(() => Promise.resolve(fulfill()))
    const cut: PluginV2[] = []
    const plugin = wrap(
      alice,
      [
        chaos({
          outgoing: { cut: 1 },
          cut: (inner) => {
            cut.push(inner)
            link.lose()
          }
        })
      ],
      { clock }
    )
    const ended = watch(plugin.sendData(hello))
    await clock.advance(0)
    expect([errorOutcome(ended.error), cut]).toEqual(['not-sent', [alice]])
    await clock.advance(20)
    expect(plugin.isConnected()).toBe(true)
    await Promise.all([plugin.disconnect(), bob.disconnect()])
    expect(clock.pending).toBe(0)
  })

  it('logs a cut that fails, and goes on', async () => {
    const it = setup({ outgoing: { cut: 1 }, cut: () => Promise.reject(new Error('no such wire')) })
    expect(await it.plugin.sendData(packet(it))).toEqual(fulfill())
    expect(it.log.lines).toHaveLength(1)
    expect(it.log.lines[0]).toMatch(/^warn: chaos could not cut the connection: Error: no such wire/)
  })
})

describe('flaky', () => {
  it('is money-safe: what is fulfilled has arrived once, what is rejected has not', async () => {
    const it = setup({ outgoing: flaky, seed: 11 })
    const names = Array.from({ length: 500 }, (_, i) => String(10_000 + i))
    const ended = names.map((name) => watch(it.plugin.sendData(packet(it, name))))
    await it.clock.advance(1000)
    const fulfilled = names.filter((_, i) => ended[i]!.value!.equals(fulfill()))
    expect([...it.arrived].sort()).toEqual(fulfilled)
    expect(it.arrived).not.toEqual(fulfilled)
    expect(ended.every(({ state }) => state === 'resolved')).toBe(true)
    expect(fulfilled.length).toBeLessThan(500)
  })
})
