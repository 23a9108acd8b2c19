import { InvalidFieldsError, PluginError, UnreachableError, errorOutcome, events, unwrap, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginEvent } from '@ilp-wrap/core'
import { rejectCode, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import { expire } from '@ilp-wrap/expire'
import {
  MemoryLog,
  conformance,
  fulfill,
  mockPair,
  prepare,
  referenceFactory,
  rejectPacket,
  testClock
} from '@ilp-wrap/testing'
import type { PrepareFields } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { CircuitOpenError, circuitBreaker, circuitBreakerOf, minimalOptions } from '../src/index.js'
import type { CircuitBreakerOptions } from '../src/index.js'

conformance({ describe, it }, referenceFactory(), { wrap: circuitBreaker(minimalOptions) })

const quick: CircuitBreakerOptions = { minimumCalls: 2, halfOpenAfterMs: 100, trials: 1 }
const data = Buffer.from('hello')

/** A connected plugin behind a breaker that opens at the second failure; the peer throws until the test says otherwise. */
function setup(options: CircuitBreakerOptions = {}, inside: Middleware[] = []) {
  const clock = testClock()
  const log = new MemoryLog()
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [...inside, circuitBreaker({ ...quick, ...options })], { clock, log })
  const reached: Buffer[] = []
  const answers = (answer: () => Promise<Buffer>): void => {
    peer.onData = (sent) => {
      reached.push(sent)
      return answer()
    }
  }
  const send = async (fields?: PrepareFields): Promise<string> => {
    const reply = await plugin.sendData(prepare({ expiresAt: clock.now() + 30_000, ...fields }))
    return rejectCode(reply) ?? 'fulfilled'
  }
  const sendTwice = async (): Promise<unknown> => {
    await Promise.allSettled([send(), send()])
    return circuitBreakerOf(plugin)!.state
  }
  answers(() => Promise.reject(new Error('socket hang up')))
  return { clock, log, inner, plugin, peer, reached, answers, send, sendTwice, handle: circuitBreakerOf(plugin)! }
}

describe('circuitBreaker', () => {
  it('answers T01 without a call once the peer keeps failing, and lets packets through again once a trial succeeds', async () => {
    const { clock, answers, reached, send, sendTwice } = setup()
    expect(await sendTwice()).toBe('open')
    answers(() => Promise.resolve(fulfill()))
    await clock.advance(99)
    expect(await send()).toBe('T01')
    expect(reached).toHaveLength(2)
    await clock.advance(1)
    expect([await send(), await send()]).toEqual(['fulfilled', 'fulfilled'])
    expect(reached).toHaveLength(4)
  })

  it('opens for half of 20 packets in 30 s, for 5 s, unless told otherwise', async () => {
    const { plugin: inner, peer } = mockPair({ connected: true })
    const clock = testClock()
    const plugin = wrap(inner, [circuitBreaker()], { clock })
    const handle = circuitBreakerOf(plugin)!
    const send = async (): Promise<unknown> => plugin.sendData(prepare()).catch(() => 'thrown')
    for (let i = 0; i < 20; i++) {
      expect(handle.state).toBe('closed')
      peer.onData = () => (i < 10 ? Promise.resolve(fulfill()) : Promise.reject(new Error('lost')))
      await send()
    }
    expect(handle.snapshot()).toEqual({ state: 'open', calls: 20, failures: 10, retryAfterMs: 5000 })
  })

  it('throws a CircuitOpenError where other data would go, which proves that nothing was sent', async () => {
    const { plugin, reached, sendTwice } = setup()
    await sendTwice()
    const error = await plugin.sendData(data).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(CircuitOpenError)
    expect(error).toMatchObject({
      name: 'CircuitOpenError',
      code: 'ILP_WRAP_CIRCUIT_OPEN',
      ilpErrorCode: 'T01',
      retryAfterMs: 100
    })
    expect(Object.keys(error as object)).not.toContain('name')
    expect(errorOutcome(error)).toBe('not-sent')
    expect(reached).toHaveLength(2)
  })

  it('counts other data that throws', async () => {
    const { plugin, handle } = setup()
    await Promise.allSettled([plugin.sendData(data), plugin.sendData(data)])
    expect(handle.state).toBe('open')
  })

  it('gives the answer itself and the error itself, undefined included', async () => {
    const { plugin, answers } = setup({ minimumCalls: 9 })
    const reply = fulfill()
    answers(() => Promise.resolve(reply))
    expect(await plugin.sendData(prepare())).toBe(reply)
    for (const error of [new Error('no'), undefined, 'text', null]) {
      answers(() => Promise.reject(error))
      expect(await plugin.sendData(prepare()).then(String, (thrown: unknown) => [thrown])).toEqual([error])
    }
  })

  it('never refuses money', async () => {
    const { plugin, peer, handle } = setup()
    handle.isolate()
    const paid: string[] = []
    peer.onMoney = async (amount) => void paid.push(amount)
    await plugin.sendMoney('5')
    expect(paid).toEqual(['5'])
  })

  it('lets packets from the peer through whatever its state', async () => {
    const { plugin, peer, handle } = setup()
    handle.isolate()
    plugin.registerDataHandler(() => Promise.resolve(fulfill()))
    expect(await peer.sendData(prepare())).toEqual(fulfill())
  })

  describe('what counts', () => {
    it('does not count what a peer rejects: whoever rejects could shut others out', async () => {
      const { answers, sendTwice } = setup()
      for (const code of ['T00', 'T01', 'T03', 'R00', 'F02']) {
        answers(() => Promise.resolve(rejectPacket({ code, triggeredBy: 'example.peer' })))
        expect(await sendTwice()).toBe('closed')
      }
    })

    it('counts the codes that it is told to', async () => {
      const { answers, sendTwice } = setup({ rejectCodes: ['T01', 'T03'] })
      answers(() => Promise.resolve(rejectPacket('T02')))
      expect(await sendTwice()).toBe('closed')
      answers(() => Promise.resolve(rejectPacket('T03')))
      expect(await sendTwice()).toBe('open')
    })

    it('counts packets that `expire` beneath it ended for want of an answer', async () => {
      const { clock, answers, sendTwice, handle } = setup({}, [expire()])
      answers(() => new Promise<never>(() => {}))
      const sent = sendTwice()
      await clock.advance(29_999)
      expect(handle.state).toBe('closed')
      await clock.advance(1)
      expect(await sent).toBe('open')
    })

    // The expiry was read from the packet once its answer had come: for a host that uses one Buffer over and over, a dead
    // peer never opened the circuit.
    it('counts them by the expiry that was sent: the host may use its Buffer again', async () => {
      const { clock, plugin, answers, handle } = setup({}, [expire()])
      answers(() => new Promise<never>(() => {}))
      const packet = prepare({ expiresAt: clock.now() + 100 })
      const sent = [plugin.sendData(packet), plugin.sendData(packet)]
      prepare({ expiresAt: clock.now() + 60_000 }).copy(packet)
      await clock.advance(100)
      await Promise.all(sent)
      expect(handle.state).toBe('open')
    })

    it('counts them where `expire` shortens their time, if told by how much', async () => {
      const { clock, answers, sendTwice } = setup({ timeoutMarginMs: 500 }, [expire({ reduceMs: 500 })])
      answers(() => new Promise<never>(() => {}))
      const sent = sendTwice()
      await clock.advance(29_500)
      expect(await sent).toBe('open')
    })

    it('does not count an R00 that comes before the packet expires: it is the peer who timed out', async () => {
      const { clock, answers, sendTwice } = setup()
      answers(async () => {
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 29_999))
        return rejectPacket('R00')
      })
      const sent = sendTwice()
      await clock.advance(29_999)
      expect(await sent).toBe('closed')
    })

    // a sender could open the circuit with packets that no peer ever saw
    it('does not count packets that had expired before they were sent', async () => {
      const { clock, send, handle } = setup({}, [expire()])
      for (let i = 0; i < 4; i++) expect(await send({ expiresAt: clock.now() - i })).toBe('R00')
      expect(handle.state).toBe('closed')
      expect(handle.snapshot().calls).toBe(0)
    })

    it('does not count an R00 that answers other data', async () => {
      const { plugin, answers, handle } = setup()
      answers(() => Promise.resolve(rejectPacket('R00')))
      await Promise.all([plugin.sendData(data), plugin.sendData(data)])
      expect(handle.state).toBe('closed')
    })

    it('counts a reject without an address neither way, as a middleware beneath may have made it', async () => {
      const { clock, answers, send, sendTwice, handle } = setup()
      answers(() => Promise.resolve(rejectPacket('T04')))
      for (let i = 0; i < 9; i++) await send()
      expect(handle.snapshot().calls).toBe(0)
      answers(() => Promise.reject(new Error('lost')))
      expect(await sendTwice()).toBe('open')
      await clock.advance(100)
      answers(() => Promise.resolve(rejectPacket('T04')))
      expect([await send(), await send(), handle.state]).toEqual(['T04', 'T04', 'half-open'])
      answers(() => Promise.resolve(rejectPacket({ code: 'T04', triggeredBy: 'example.peer' })))
      expect([await send(), handle.state]).toEqual(['T04', 'closed'])
    })

    it('counts errors that are about reaching the peer, and no others', async () => {
      const { answers, sendTwice } = setup()
      const open = async (error: unknown): Promise<unknown> => {
        answers(() => Promise.reject(error))
        return sendTwice()
      }
      expect(await open(new PluginError('too many', { ilpErrorCode: 'T05' }))).toBe('closed')
      expect(await open(new InvalidFieldsError('no Buffer'))).toBe('closed')
      expect(await open(new UnreachableError('not connected'))).toBe('open')
    })

    it('counts an error that cannot be looked at', async () => {
      const { answers, sendTwice } = setup()
      const error = Object.defineProperty({}, 'ilpErrorCode', {
        get: () => {
          throw new Error('no')
        }
      })
      answers(() => Promise.reject(error))
      expect(await sendTwice()).toBe('open')
    })
  })

  describe('half-open', () => {
    it('opens again when the trial fails', async () => {
      const { clock, send, sendTwice, handle } = setup({ growth: 2 })
      await sendTwice()
      await clock.advance(100)
      await expect(send()).rejects.toThrow('socket hang up')
      expect(handle.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 200 })
    })

    it('opens again when the trial is never answered', async () => {
      const { clock, answers, send, sendTwice, handle } = setup({ trialTimeoutMs: 1000 })
      await sendTwice()
      await clock.advance(100)
      answers(() => new Promise<never>(() => {}))
      void send()
      await clock.advance(1000)
      expect(await send()).toBe('T01')
      expect(handle.state).toBe('open')
      answers(() => Promise.resolve(fulfill()))
      await clock.advance(100)
      expect([await send(), handle.state]).toEqual(['fulfilled', 'closed'])
    })

    it('is not closed by an answer to a packet from before it opened', async () => {
      const { clock, peer, send, handle } = setup({ trials: 1 })
      peer.onData = undefined
      const early = send()
      const failing = [send(), send()]
      const [first, second, third] = [await peer.request(), await peer.request(), await peer.request()]
      second.throw(new Error('lost'))
      third.throw(new Error('lost'))
      await Promise.allSettled(failing)
      await clock.advance(100)
      const trial = send()
      first.fulfill()
      expect([await early, handle.state]).toEqual(['fulfilled', 'half-open'])
      ;(await peer.request()).fulfill()
      expect([await trial, handle.state]).toEqual(['fulfilled', 'closed'])
    })
  })

  describe('the connection', () => {
    it('opens on disconnect and closes on connect, if told so', async () => {
      const { peer, reached, send, handle } = setup({ openOnDisconnect: true })
      peer.lose()
      expect([await send(), handle.state]).toEqual(['T01', 'open'])
      peer.restore()
      await expect(send()).rejects.toThrow()
      expect(reached).toHaveLength(1)
    })

    it('does not listen to the plugin otherwise', () => {
      const { inner, peer, handle } = setup()
      expect(inner.listenerCount('disconnect')).toBe(0)
      peer.lose()
      expect(handle.state).toBe('closed')
    })
  })

  describe('the handle', () => {
    it('isolates and resets', async () => {
      const { answers, reached, send, handle } = setup()
      answers(() => Promise.resolve(fulfill()))
      handle.isolate()
      expect([await send(), handle.state, reached.length]).toEqual(['T01', 'isolated', 0])
      expect(handle.snapshot().retryAfterMs).toBe(Infinity)
      handle.reset()
      expect([await send(), handle.state]).toEqual(['fulfilled', 'closed'])
    })

    it('tells the state there is, and each change until the plugin is unwrapped', async () => {
      const { clock, plugin, answers, send, sendTwice, handle } = setup()
      const states: string[] = []
      handle.state$.subscribe({ next: (state) => states.push(state), complete: () => states.push('end') })
      await sendTwice()
      await clock.advance(100)
      answers(() => Promise.resolve(fulfill()))
      await send()
      handle.isolate()
      unwrap(plugin)
      expect(states).toEqual(['closed', 'open', 'half-open', 'closed', 'isolated', 'end'])
    })

    it('logs an observer of the state that throws, and goes on', async () => {
      const { log, sendTwice, handle } = setup()
      handle.state$.subscribe(() => {
        throw new Error('observer')
      })
      expect(await sendTwice()).toBe('open')
      expect(log.lines.some((line) => JSON.stringify(line).includes('an observer of the circuit threw'))).toBe(true)
    })

    it('is absent where there is no breaker, and needless for the breaker to work', async () => {
      const { plugin: inner, peer } = mockPair({ connected: true })
      const plugin = wrap(inner, [circuitBreaker(quick)])
      expect(circuitBreakerOf(wrap(inner, []))).toBeUndefined()
      peer.onData = () => Promise.reject(new Error('lost'))
      for (let i = 0; i < 2; i++) await plugin.sendData(prepare()).catch(() => {})
      expect(rejectCode(await plugin.sendData(prepare()))).toBe('T01')
      unwrap(plugin)
    })
  })

  it('tells those who listen what it came to be, and what it refused', async () => {
    const { clock, plugin, answers, send, sendTwice, handle } = setup()
    const seen: PluginEvent[] = []
    events(plugin).subscribe((event) => seen.push(event))
    await sendTwice()
    await send({ amount: 7 })
    await plugin.sendData(data).catch(() => {})
    await clock.advance(100)
    answers(() => Promise.resolve(fulfill()))
    await send()
    handle.isolate()
    const source = 'circuit-breaker'
    const refused = { type: 'packet-rejected', source, direction: 'outgoing', code: 'T01' }
    expect(seen).toMatchObject([
      { type: 'circuit-opened', source, reason: 'failures', calls: 2, failures: 2, retryAfterMs: 100 },
      { ...refused, amount: 7n, destination: 'example.receiver' },
      { ...refused, amount: undefined, destination: undefined },
      { type: 'circuit-half-opened', source, trials: 1 },
      { type: 'circuit-closed', source, reason: 'trials-succeeded' },
      { type: 'circuit-isolated', source }
    ])
  })

  // Whoever wrote into a reply once spoiled the replies of all plugins after it.
  it('gives each caller a reject of its own, without an address', async () => {
    const { plugin, handle } = setup()
    handle.isolate()
    const reply = await plugin.sendData(prepare())
    const bytes = Buffer.from(reply)
    expect(rejectTriggeredBy(reply)).toBe('')
    reply.fill(0)
    expect(await plugin.sendData(prepare())).toEqual(bytes)
  })

  // handlers are used over and over: an answer must not reach the breaker of another packet
  it('keeps thousands of packets in flight apart', async () => {
    const good = setup({ minimumCalls: 600 })
    const bad = setup({ minimumCalls: 600 })
    good.answers(() => Promise.resolve(fulfill()))
    const sent = Array.from({ length: 600 }, () => [good.send(), bad.send()]).flat()
    await Promise.allSettled(sent)
    expect([good.handle.state, good.handle.snapshot().failures]).toEqual(['closed', 0])
    expect([bad.handle.state, bad.handle.snapshot().failures]).toEqual(['open', 600])
  })

  it('refuses options that are unknown or wrong', () => {
    for (const options of [
      { windowMs: 0 },
      { minimumCalls: 0 },
      { failureRatio: 0 },
      { failureRatio: 1.1 },
      { halfOpenAfterMs: 0 },
      { growth: 0.5 },
      { maxHalfOpenAfterMs: 4999 },
      { trials: 0 },
      { trialTimeoutMs: 0 },
      { timeoutMarginMs: -1 },
      { rejectCodes: 'T01' },
      { rejectCodes: ['T1'] },
      { rejectCodes: [1] },
      { openOnDisconnect: 1 }
    ]) {
      expect(() => circuitBreaker(options as unknown as CircuitBreakerOptions), JSON.stringify(options)).toThrow(
        InvalidFieldsError
      )
    }
    expect(() => circuitBreaker({ ratio: 1 } as CircuitBreakerOptions)).toThrow('Unknown option `ratio`')
    expect(() => circuitBreaker({ halfOpenAfterMs: 90_000 })).not.toThrow()
  })
})
