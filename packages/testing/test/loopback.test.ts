import { MoneyNotSentError, NotAcceptedError, TimeoutError, UnreachableError, errorOutcome } from '@ilp-wrap/core'
import { describe, expect, it } from 'vitest'
import { Loopback, ReferencePlugin, loopbackPair, testClock } from '../src/index.js'
import type { LoopbackOptions, LoopbackPair, TestClock } from '../src/index.js'

const hello = Buffer.from('hello')

interface Setup extends LoopbackPair {
  readonly clock: TestClock
  /** The events of both ends, as they came. */
  readonly events: string[]
}

function setup(options: LoopbackOptions = {}): Setup {
  const clock = testClock()
  const pair = loopbackPair({ clock, ...options })
  const events: string[] = []
  for (const [name, plugin] of Object.entries({ alice: pair.alice, bob: pair.bob })) {
    plugin.on('connect', () => events.push(`${name} connects`))
    plugin.on('disconnect', () => events.push(`${name} disconnects`))
  }
  return { ...pair, clock, events }
}

async function connected(options?: LoopbackOptions): Promise<Setup> {
  const made = setup(options)
  const connecting = Promise.all([made.alice.connect(), made.bob.connect()])
  await made.clock.advance(options?.connectMs ?? 0)
  await connecting
  made.bob.registerDataHandler((data) => Promise.resolve(data))
  return made
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  return expect.unreachable()
}

describe('loopbackPair', () => {
  it('carries data and money both ways', async () => {
    const { alice, bob } = await connected()
    const seen: string[] = []
    alice.registerDataHandler((data) => Promise.resolve(Buffer.concat([data, data])))
    alice.registerMoneyHandler(async (amount) => void seen.push(`alice has ${amount}`))
    bob.registerMoneyHandler(async (amount) => void seen.push(`bob has ${amount}`))
    expect((await alice.sendData(hello)).toString()).toBe('hello')
    expect((await bob.sendData(hello)).toString()).toBe('hellohello')
    await alice.sendMoney('5')
    await bob.sendMoney('7')
    expect(seen).toEqual(['bob has 5', 'alice has 7'])
  })

  it('takes the latency for each way, of data, answers and money', async () => {
    const { alice, bob, clock } = await connected({ latencyMs: 50 })
    const start = clock.monotonic()
    const times: [string, number][] = []
    const note = (what: string) => () => times.push([what, clock.monotonic() - start])
    bob.deregisterDataHandler()
    bob.registerDataHandler(async (data) => {
      note('arrived')()
      return data
    })
    bob.registerMoneyHandler(async () => void note('paid')())
    void alice.sendData(hello).then(note('answered'))
    void alice.sendMoney('5').then(note('taken'))
    await clock.advance(200)
    expect(times).toEqual([
      ['arrived', 50],
      ['paid', 50],
      ['answered', 100],
      ['taken', 100]
    ])
    expect(clock.pending).toBeLessThanOrEqual(1)
  })

  it('hands the peer bytes of its own', async () => {
    const { alice, bob } = await connected()
    bob.deregisterDataHandler()
    const answer = Buffer.from('answer')
    bob.registerDataHandler(async (data) => {
      data.fill(0)
      return answer
    })
    const sent = Buffer.from('hello')
    const received = await alice.sendData(sent)
    received.fill(0)
    expect([sent.toString(), answer.toString()]).toEqual(['hello', 'answer'])
  })

  it('refuses bad options', () => {
    expect(() => loopbackPair({ latencyMs: -1 })).toThrow('`latencyMs`')
    expect(() => loopbackPair({ reconnectMs: 0 })).toThrow('`reconnectMs`')
    expect(() => loopbackPair({ latency: 5 } as never)).toThrow('Unknown option `latency`')
  })

  it('has two ends and no more', () => {
    const { link } = loopbackPair()
    expect(() => new ReferencePlugin({ link })).toThrow('an end that is free')
  })

  it('works on the machine’s own time by default', async () => {
    const { alice, bob } = loopbackPair({ latencyMs: 1, connectMs: 1 })
    bob.registerDataHandler((data) => Promise.resolve(data))
    await Promise.all([alice.connect(), bob.connect()])
    expect(await alice.sendData(hello)).toEqual(hello)
    await Promise.all([alice.disconnect(), bob.disconnect()])
  })
})

describe('what the errors of the reference plugin prove', () => {
  it('is that nothing was sent when one end is not connected', async () => {
    const { alice, bob } = setup()
    expect(errorOutcome(await errorOf(alice.sendData(hello)))).toBe('not-sent')
    expect(await errorOf(alice.sendMoney('5'))).toBeInstanceOf(MoneyNotSentError)
    await alice.connect()
    expect(errorOutcome(await errorOf(alice.sendData(hello)))).toBe('not-sent')
    expect(await errorOf(alice.sendMoney('5'))).toBeInstanceOf(MoneyNotSentError)
    expect(bob.isConnected()).toBe(false)
  })

  it('is that nothing was sent when there is no other end at all', async () => {
    const alone = new ReferencePlugin({ link: new Loopback() })
    await alone.connect()
    expect(errorOutcome(await errorOf(alone.sendData(hello)))).toBe('not-sent')
    await alone.disconnect()
  })

  it('is that the peer refused when its handler is missing, fails, or gives no Buffer', async () => {
    const { alice, bob } = await connected()
    const cause = new Error('bob: no')
    for (const handler of [undefined, () => Promise.reject(cause), () => Promise.resolve('text' as never)]) {
      bob.deregisterDataHandler()
      if (handler !== undefined) bob.registerDataHandler(handler)
      const error = await errorOf(alice.sendData(hello))
      expect(error).toBeInstanceOf(NotAcceptedError)
      expect(errorOutcome(error)).toBe('refused')
    }
    expect(errorOutcome(await errorOf(alice.sendMoney('5')))).toBe('refused')
    bob.registerMoneyHandler(() => Promise.reject(cause))
    expect(await errorOf(alice.sendMoney('5'))).toMatchObject({ name: 'NotAcceptedError', cause })
  })

  it('is nothing when the connection of either end goes while the peer is at work', async () => {
    for (const end of ['alice', 'bob'] as const) {
      const { alice, bob, clock, ...rest } = await connected()
      bob.deregisterDataHandler()
      let answer!: (data: Buffer) => void
      bob.registerDataHandler(() => new Promise((resolve) => (answer = resolve)))
      const error = errorOf(alice.sendData(hello))
      await clock.advance(0)
      await { alice, bob, ...rest }[end].disconnect()
      expect(await error).toBeInstanceOf(UnreachableError)
      expect(errorOutcome(await error)).toBe('ambiguous')
      // its answer goes nowhere
      answer(hello)
      await clock.advance(0)
    }
  })

  it('is nothing when the connection goes while the data is on its way, and then it does not arrive', async () => {
    const { alice, bob, clock, link } = await connected({ latencyMs: 10 })
    let calls = 0
    bob.deregisterDataHandler()
    bob.registerDataHandler(async (data) => {
      calls++
      return data
    })
    const lost = errorOf(alice.sendData(hello))
    await clock.advance(5)
    link.lose()
    expect(errorOutcome(await lost)).toBe('ambiguous')
    await clock.advance(100)
    expect(calls).toBe(0)
    await Promise.all([alice.connect(), bob.connect()])
    const answered = errorOf(alice.sendData(hello))
    await clock.advance(15)
    link.lose()
    expect(errorOutcome(await answered)).toBe('ambiguous')
    expect(calls).toBe(1)
    expect(clock.keepingAlive).toBe(0)
  })

  it('is nothing when the connection goes at the moment of sending', async () => {
    const { alice, bob, clock, link } = await connected()
    let calls = 0
    bob.deregisterDataHandler()
    bob.registerDataHandler(async (data) => {
      calls++
      return data
    })
    const error = errorOf(alice.sendData(hello))
    link.lose()
    expect(errorOutcome(await error)).toBe('ambiguous')
    await clock.advance(0)
    expect(calls).toBe(0)
  })

  it('is nothing when no answer comes in time', async () => {
    const { alice, bob, clock } = await connected({ responseTimeoutMs: 1000 })
    bob.deregisterDataHandler()
    bob.registerDataHandler(() => new Promise(() => undefined))
    const error = errorOf(alice.sendData(hello))
    await clock.advance(2100)
    expect(await error).toBeInstanceOf(TimeoutError)
    expect(errorOutcome(await error)).toBe('ambiguous')
  })

  it('is a mistake of the host when it sends no Buffer, or money of no amount', async () => {
    const { alice } = await connected()
    expect(await errorOf(alice.sendData(new Uint8Array(5) as Buffer))).toMatchObject({ name: 'InvalidFieldsError' })
    for (const amount of ['0', '-1', '1.5', '01', '', 5 as unknown as string]) {
      expect(await errorOf(alice.sendMoney(amount))).toMatchObject({ name: 'InvalidFieldsError' })
    }
  })
})

describe('the connection of the reference plugin', () => {
  it('takes its time', async () => {
    const { alice, clock } = setup({ connectMs: 30 })
    const connecting = alice.connect()
    await clock.advance(29)
    expect(alice.isConnected()).toBe(false)
    await clock.advance(1)
    await connecting
    expect(alice.isConnected()).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('is not made with options that are none', async () => {
    const { alice } = setup()
    for (const options of [null, 5, 'soon']) {
      expect(await errorOf(alice.connect(options as never))).toBeInstanceOf(TypeError)
    }
  })

  it('rejects connect() with what a listener throws, and is connected', async () => {
    const { alice } = setup()
    const error = new Error('listener')
    alice.on('connect', () => {
      throw error
    })
    expect(await errorOf(alice.connect())).toBe(error)
    expect(alice.isConnected()).toBe(true)
  })

  it('is given up when the last who waits for it has waited long enough', async () => {
    const { alice, clock, events, link } = setup({ connectMs: 100 })
    const short = errorOf(alice.connect({ timeout: 10 }))
    const long = alice.connect({ timeout: 1000 })
    await clock.advance(100)
    expect(await short).toBeInstanceOf(TimeoutError)
    await long
    await alice.disconnect()
    link.silence()
    const tooShort = errorOf(alice.connect({ timeout: 10 }))
    await clock.advance(10)
    expect(await tooShort).toBeInstanceOf(TimeoutError)
    link.heal()
    await clock.advance(1000)
    expect(events).toEqual(['alice connects', 'alice disconnects'])
    expect(clock.pending).toBe(0)
  })

  it('waits 10 s by default, for ever if told so', async () => {
    const { alice, clock, link } = setup()
    link.silence()
    const first = errorOf(alice.connect())
    await clock.advance(10_000)
    expect(await first).toBeInstanceOf(TimeoutError)
    let settled = false
    const forever = errorOf(alice.connect({ timeout: Infinity })).then((error) => {
      settled = true
      return error
    })
    await clock.advance(2 ** 32)
    expect(settled).toBe(false)
    await alice.disconnect()
    expect(await forever).toBeInstanceOf(UnreachableError)
    expect(clock.pending).toBe(0)
  })

  it('stays lost until connect() is called, unless it is told to come back', async () => {
    const { alice, clock, events, link } = await connected()
    link.lose()
    link.lose()
    await clock.advance(100_000)
    expect(alice.isConnected()).toBe(false)
    await alice.connect()
    expect(events.slice(2)).toEqual(['alice disconnects', 'bob disconnects', 'alice connects'])
  })

  it('comes back by itself when it is told to, however often it is refused', async () => {
    const { alice, bob, clock, events, link } = await connected({ reconnectMs: 50 })
    link.lose()
    link.refuse()
    await clock.advance(500)
    expect(alice.isConnected()).toBe(false)
    link.heal()
    await clock.advance(50)
    expect([alice.isConnected(), bob.isConnected()]).toEqual([true, true])
    expect(events.slice(2)).toEqual(['alice disconnects', 'bob disconnects', 'alice connects', 'bob connects'])
  })

  it('does not come back after disconnect(), though it was about to', async () => {
    const { alice, bob, clock, link } = await connected({ reconnectMs: 50, connectMs: 10 })
    link.lose()
    await alice.disconnect()
    await clock.advance(55)
    // while it is being made again
    await bob.disconnect()
    await clock.advance(1000)
    expect([alice.isConnected(), bob.isConnected(), clock.pending]).toEqual([false, false, 0])
  })
})

describe('the constructor of the reference plugin', () => {
  it('takes a link and nothing else', () => {
    expect(() => new ReferencePlugin(null as never)).toThrow(TypeError)
    expect(() => new ReferencePlugin({ link: new Loopback() }, 5 as never)).toThrow(TypeError)
    expect(() => new ReferencePlugin({ link: {} } as never)).toThrow('Expected `link` to be a Loopback')
    expect(() => new ReferencePlugin({ link: new Loopback() }, {})).not.toThrow()
  })
})
