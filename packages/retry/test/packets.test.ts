import { MAX_TIMEOUT_MS, defineMiddleware, wrap } from '@ilp-wrap/core'
import {
  MemoryLog,
  MemoryStore,
  fulfill,
  fulfillmentOf,
  loopbackPair,
  mockPair,
  prepare,
  rejectPacket,
  testClock
} from '@ilp-wrap/testing'
import { rejectCode } from '@ilp-wrap/core/packet'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { retry } from '../src/index.js'
import { script, setup, watch } from './setup.js'

const refusedConnection = (): Error =>
  Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' })
const btpError = (code: string): Error => new Error(JSON.stringify({ code, name: 'SomeError' }))

describe('a packet that fails', () => {
  it.each(['T00', 'T01', 'T02', 'T03'])('with %s is sent again, and fulfilled', async (code) => {
    const { plugin, peer, clock, prepare } = setup()
    const answer = fulfill()
    const { sent, onData } = script(rejectPacket(code), answer)
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(1100)
    expect(result.outcome).toEqual({ value: answer })
    expect(sent).toHaveLength(2)
  })

  it.each(['T04', 'T05', 'T99', 'F00', 'F02', 'F08', 'F99', 'R00', 'R01', 'R02'])(
    'with %s is sent once, and its reject handed back',
    async (code) => {
      const { plugin, peer, clock, prepare, seen } = setup()
      const answer = rejectPacket(code)
      const { sent, onData } = script(answer, fulfill())
      peer.onData = onData
      const result = watch(plugin.sendData(prepare()))
      await clock.advance(60_000)
      expect(result.outcome).toEqual({ value: answer })
      expect(sent).toHaveLength(1)
      expect(seen).toEqual([])
    }
  )

  it('is sent byte for byte each time, whatever the plugin writes into the Buffer it gets', async () => {
    const { plugin, peer, clock, prepare } = setup({ maxAttempts: 3 })
    const { sent, onData } = script(rejectPacket('T00'), rejectPacket('T00'), fulfill())
    peer.onData = (data) => {
      const answer = onData(data)
      data.fill(0)
      return answer
    }
    const packet = prepare({ data: Buffer.from('hello') })
    const original = Buffer.from(packet)
    const result = watch(plugin.sendData(packet))
    await clock.advance(1000)
    expect(result.outcome).toEqual({ value: fulfill() })
    expect(sent).toEqual([original, original, original])
  })

  it('is sent as it was, also when the host uses its Buffer for something else meanwhile', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const { sent, onData } = script(rejectPacket('T00'), fulfill())
    peer.onData = onData
    const packet = prepare()
    const original = Buffer.from(packet)
    void plugin.sendData(packet)
    packet.fill(1)
    await clock.advance(1000)
    expect(sent).toEqual([original, original])
  })

  it('of any size keeps its bytes, and packets keep theirs apart', async () => {
    const { plugin, peer, clock, prepare } = setup({ budget: false })
    const packets = [1, 100, 5000, 9000, 30_000].flatMap((size) =>
      Array.from({ length: 10 }, (_, index) => prepare({ amount: index, data: Buffer.alloc(size, index) }))
    )
    const attempts = new Map<string, number>()
    peer.onData = (data) => {
      const key = data.toString('hex')
      const count = (attempts.get(key) ?? 0) + 1
      attempts.set(key, count)
      return Promise.resolve(count === 1 ? rejectPacket('T00') : fulfill())
    }
    const results = packets.map((packet) => watch(plugin.sendData(packet)))
    await clock.advance(1000)
    expect(results.map(({ outcome }) => outcome)).toEqual(packets.map(() => ({ value: fulfill() })))
    expect([...attempts].sort()).toEqual(packets.map((packet) => [packet.toString('hex'), 2]).sort())
  })

  it('keeps nothing of those before it, however many there were and however large', async () => {
    const { plugin, peer, clock, prepare } = setup({ budget: false, maxWaiting: 10_000 })
    const sizes = [5000, 10, 3000, 0]
    // more at a time than are kept for use again, some of which fail, some of which do not
    for (let round = 0; round < 3; round++) {
      const packets = Array.from({ length: 1100 }, (_, index) =>
        prepare({ amount: index, data: Buffer.alloc(sizes[index % sizes.length] ?? 0, index) })
      )
      const failed = new Set<string>()
      const later: Buffer[] = []
      peer.onData = (data) => {
        const key = data.toString('latin1')
        if (data.length % 3 === round || failed.has(key)) {
          later.push(Buffer.from(data))
          return Promise.resolve(fulfill())
        }
        failed.add(key)
        data.fill(0)
        return Promise.resolve(rejectPacket('T00'))
      }
      const results = packets.map((packet) => watch(plugin.sendData(Buffer.from(packet))))
      await clock.advance(1000)
      expect(results.every(({ outcome }) => outcome !== undefined && 'value' in outcome)).toBe(true)
      expect(Buffer.concat(later.sort(Buffer.compare)).equals(Buffer.concat(packets.sort(Buffer.compare)))).toBe(true)
    }
  })

  it('leaves the Buffer of the host alone', async () => {
    const { plugin, peer, clock, prepare } = setup()
    peer.onData = script(rejectPacket('T00'), fulfill()).onData
    const packet = prepare()
    const original = Buffer.from(packet)
    void plugin.sendData(packet)
    await clock.advance(1000)
    expect(packet).toEqual(original)
  })

  it('gets the very answer of the plugin in the end', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const answer = fulfill()
    peer.onData = script(rejectPacket('T00'), answer).onData
    const sending = plugin.sendData(prepare())
    await clock.advance(1000)
    expect(await sending).toBe(answer)
  })

  it('gets the last reject, the same bytes, once its attempts are used up', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    const last = rejectPacket({
      code: 'T01',
      message: 'the third',
      triggeredBy: 'example.peer',
      data: Buffer.from('x')
    })
    const { sent, onData } = script(rejectPacket('T00'), rejectPacket('T00'), last, fulfill())
    peer.onData = onData
    const sending = plugin.sendData(prepare())
    await clock.advance(10_000)
    expect(await sending).toBe(last)
    expect(sent).toHaveLength(3)
    expect(seen.at(-1)).toMatchObject({ type: 'retry-abandoned', attempt: 3, code: 'T01', reason: 'attempts' })
  })

  it('gets the last error, the same object, once its attempts are used up', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const last = refusedConnection()
    const { sent, onData } = script({ throws: refusedConnection() }, { throws: refusedConnection() }, { throws: last })
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10_000)
    expect(result.outcome).toMatchObject({ error: last })
    expect((result.outcome as { error: unknown }).error).toBe(last)
    expect(sent).toHaveLength(3)
  })

  it('is not sent again when there is but one attempt', async () => {
    const { plugin, peer, clock, prepare, seen } = setup({ maxAttempts: 1 })
    const answer = rejectPacket('T00')
    const { sent, onData } = script(answer, fulfill())
    peer.onData = onData
    const sending = plugin.sendData(prepare())
    await clock.advance(10_000)
    expect(await sending).toBe(answer)
    expect(sent).toHaveLength(1)
    expect(seen.map(({ type }) => type)).toEqual(['retry-abandoned'])
  })

  it('never has two attempts at a time', async () => {
    const { plugin, peer, clock, prepare } = setup()
    let open = 0
    let most = 0
    peer.onData = () => {
      open += 1
      most = Math.max(most, open)
      return new Promise((resolve) => {
        clock.setTimeout(() => {
          open -= 1
          resolve(rejectPacket('T00'))
        }, 500)
      })
    }
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10_000)
    expect(result.outcome).toBeDefined()
    expect(most).toBe(1)
  })
})

describe('the wait between attempts', () => {
  it('is full jitter below 100 ms, then below 200 ms', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    peer.onData = script(rejectPacket('T00'), rejectPacket('T01'), fulfill()).onData
    void plugin.sendData(prepare())
    await clock.advance(1000)
    const delays = seen.flatMap((event) => (event.type === 'retry-scheduled' ? [event.delayMs] : []))
    expect(delays).toEqual([50, 100])
  })

  it.each(['T02', 'T03'])('is a second longer after %s, which says that the peer is busy', async (code) => {
    const { plugin, peer, clock, prepare } = setup()
    const { sent, onData } = script(rejectPacket(code), fulfill())
    peer.onData = onData
    void plugin.sendData(prepare())
    await clock.advance(1049)
    expect(sent).toHaveLength(1)
    await clock.advance(1)
    expect(sent).toHaveLength(2)
  })

  it('is no longer than a timer can wait, however long its options make it', async () => {
    // beyond that a timer fires at once, and a busy peer got its packet again after a millisecond
    const { plugin, peer, clock, prepare, seen } = setup({
      busyMs: MAX_TIMEOUT_MS,
      backoff: { baseMs: 1000, maxMs: 1000 }
    })
    const { sent, onData } = script(rejectPacket('T02'), fulfill())
    peer.onData = onData
    void plugin.sendData(prepare({ expiresAt: clock.now() + 2 * MAX_TIMEOUT_MS }))
    await clock.advance(MAX_TIMEOUT_MS - 1)
    expect(sent).toHaveLength(1)
    expect(seen).toMatchObject([{ type: 'retry-scheduled', delayMs: MAX_TIMEOUT_MS }])
    await clock.advance(1)
    expect(sent).toHaveLength(2)
  })

  it('is a second longer after a BTP Error T00', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const { sent, onData } = script({ throws: btpError('T00') }, fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(1049)
    expect(sent).toHaveLength(1)
    await clock.advance(1)
    expect(result.outcome).toEqual({ value: fulfill() })
  })

  it('uses the values of its options', async () => {
    const { plugin, peer, clock, prepare } = setup({
      backoff: { baseMs: 1000, maxMs: 1500 },
      busyMs: 0,
      random: () => 1
    })
    const { sent, onData } = script(rejectPacket('T02'), rejectPacket('T02'), fulfill())
    peer.onData = onData
    void plugin.sendData(prepare())
    await clock.advance(999)
    expect(sent).toHaveLength(1)
    await clock.advance(1)
    expect(sent).toHaveLength(2)
    await clock.advance(1500)
    expect(sent).toHaveLength(3)
  })

  it('is not begun if it would end after the deadline: the reject goes back at once', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    const answer = rejectPacket('T00')
    const { sent, onData } = script(answer, fulfill())
    peer.onData = onData
    // 50 ms to wait, and 1000 ms that must be left
    const sending = plugin.sendData(prepare({ expiresAt: clock.now() + 1049 }))
    expect(await sending).toBe(answer)
    expect(sent).toHaveLength(1)
    expect(seen).toMatchObject([{ type: 'retry-abandoned', reason: 'deadline' }])
    expect(clock.pending).toBe(0)
  })

  it('may end just at the deadline', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const { sent, onData } = script(rejectPacket('T00'), fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare({ expiresAt: clock.now() + 1050 })))
    await clock.advance(50)
    expect(sent).toHaveLength(2)
    expect(result.outcome).toEqual({ value: fulfill() })
  })

  it('keeps the margin that its option asks for', async () => {
    const { plugin, peer, clock, prepare, seen } = setup({ marginMs: 5000 })
    peer.onData = script(rejectPacket('T00'), fulfill()).onData
    await plugin.sendData(prepare({ expiresAt: clock.now() + 5049 }))
    expect(seen).toMatchObject([{ reason: 'deadline' }])
  })

  it('ends in the last reject, not in R00, when the clock is set beyond the deadline meanwhile', async () => {
    // R00 would end a STREAM connection, a T reject does not
    const { plugin, peer, clock, prepare, seen } = setup()
    const answer = rejectPacket('T00')
    const { sent, onData } = script(answer, fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    clock.jump(3_600_000)
    await clock.advance(40)
    expect(result.outcome).toEqual({ value: answer })
    expect(sent).toHaveLength(1)
    expect(seen.at(-1)).toMatchObject({ type: 'retry-abandoned', reason: 'deadline', attempt: 1 })
  })

  it('is not longer when the clock is set back meanwhile', async () => {
    const { plugin, peer, clock, prepare } = setup()
    peer.onData = script(rejectPacket('T00'), fulfill()).onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    clock.jump(-3_600_000)
    await clock.advance(40)
    expect(result.outcome).toEqual({ value: fulfill() })
  })

  it('is not begun once the first attempt is too long ago', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    const answer = rejectPacket('T00')
    const { sent, onData } = script(new Promise((resolve) => clock.setTimeout(() => resolve(answer), 2001)), fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(2001)
    expect(result.outcome).toEqual({ value: answer })
    expect(sent).toHaveLength(1)
    expect(seen).toMatchObject([{ type: 'retry-abandoned', reason: 'elapsed' }])
  })

  it('keeps the process alive while a packet hangs on it, and leaves no timer', async () => {
    const { plugin, peer, clock, prepare } = setup()
    peer.onData = script(rejectPacket('T00'), rejectPacket('T00'), fulfill()).onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    expect(clock.keepingAlive).toBe(1)
    await clock.advance(1000)
    expect(result.outcome).toEqual({ value: fulfill() })
    expect(clock.pending).toBe(0)
  })

  it('is right for a packet that expires in more than 2^31 ms', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const { sent, onData } = script(rejectPacket('T00'))
    peer.onData = onData
    const result = watch(plugin.sendData(prepare({ expiresAt: clock.now() + 60 * 86_400_000 })))
    await clock.advance(10_000)
    // the second attempt is still waiting for its answer, not ended after a millisecond
    expect(sent).toHaveLength(2)
    expect(result.outcome).toBeUndefined()
  })

  it('works by the timers of the machine, too', async () => {
    vi.useFakeTimers()
    const { plugin: inner, peer } = mockPair({ connected: true })
    const plugin = wrap(inner, [retry()])
    peer.onData = script(rejectPacket('T00'), fulfill()).onData
    const sending = plugin.sendData(prepare({ expiresAt: Date.now() + 30_000 }))
    await vi.advanceTimersByTimeAsync(100)
    expect(await sending).toEqual(fulfill())
    expect(vi.getTimerCount()).toBe(0)
  })

  afterEach(() => {
    vi.useRealTimers()
  })
})

describe('a packet that has expired', () => {
  it('is not sent, and answered with R00', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    const { sent, onData } = script(fulfill())
    peer.onData = onData
    for (const expiresAt of [clock.now(), clock.now() - 60_000]) {
      const answer = await plugin.sendData(prepare({ expiresAt }))
      expect(rejectCode(answer)).toBe('R00')
    }
    expect(sent).toHaveLength(0)
    expect(seen).toHaveLength(2)
    expect(seen[0]).toMatchObject({ type: 'packet-rejected', direction: 'outgoing', code: 'R00', amount: 1n })
  })

  it('within the margin is still sent once', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const { sent, onData } = script(fulfill())
    peer.onData = onData
    expect(await plugin.sendData(prepare({ expiresAt: clock.now() + 1 }))).toEqual(fulfill())
    expect(sent).toHaveLength(1)
  })

  it('during a later attempt ends with R00, and the late fulfill is told and changes nothing', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    let answer: ((data: Buffer) => void) | undefined
    peer.onData = script(
      rejectPacket('T00'),
      new Promise((resolve) => {
        answer = resolve
      })
    ).onData
    const result = watch(plugin.sendData(prepare({ expiresAt: clock.now() + 5000 })))
    await clock.advance(4999)
    expect(result.outcome).toBeUndefined()
    await clock.advance(1)
    const { value } = result.outcome as { value: Buffer }
    expect(rejectCode(value)).toBe('R00')
    expect(seen.at(-1)).toMatchObject({ type: 'retry-abandoned', outcome: 'expired', reason: 'not-retryable' })
    expect(clock.pending).toBe(0)

    answer?.(fulfill())
    await clock.advance(0)
    expect(seen.at(-1)).toMatchObject({ type: 'late-fulfill', direction: 'outgoing', amount: 1n, source: 'retry' })
    expect((result.outcome as { value: Buffer }).value).toBe(value)
  })

  it('tells of late rejects, errors and other answers, too', async () => {
    const late = [rejectPacket('T00'), Buffer.from('what'), { throws: new Error('late') }]
    const told: unknown[] = []
    for (const step of late) {
      const { plugin, peer, clock, prepare, seen } = setup()
      let attempts = 0
      peer.onData = () => {
        attempts += 1
        if (attempts === 1) return Promise.resolve(rejectPacket('T00'))
        return new Promise((resolve, reject: (error: unknown) => void) => {
          clock.setTimeout(() => {
            if ('throws' in step) reject(step.throws)
            else resolve(step)
          }, 6000)
        })
      }
      const result = watch(plugin.sendData(prepare({ expiresAt: clock.now() + 5000 })))
      await clock.advance(10_000)
      expect(result.outcome).toBeDefined()
      told.push(seen.at(-1))
    }
    expect(told).toMatchObject([{ answer: 'reject' }, { answer: 'other' }, { answer: 'error' }])
  })
})

describe('a throw', () => {
  it.each([
    ['a timeout', new Error('17 timed out')],
    ['a lost socket', Object.assign(new Error('write'), { code: 'ECONNRESET', syscall: 'write' })],
    ['a broken pipe', Object.assign(new Error('write'), { code: 'EPIPE' })],
    ['nothing at all', undefined],
    ['a string', 'no']
  ])('that proves nothing (%s) is handed on at once, as it is', async (_name, error) => {
    const { plugin, peer, clock, prepare, seen } = setup({ resendAmbiguousZeroAmount: true })
    const { sent, onData } = script({ throws: error }, fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare({ amount: 1 })))
    await clock.advance(60_000)
    expect(result.outcome).toBeDefined()
    expect((result.outcome as { error: unknown }).error).toBe(error)
    expect(sent).toHaveLength(1)
    expect(seen).toEqual([])
  })

  it('that proves nothing is followed by another attempt for a zero amount, by option', async () => {
    for (const [options, attempts] of [[{}, 1] as const, [{ resendAmbiguousZeroAmount: true }, 2] as const]) {
      const { plugin, peer, clock, prepare } = setup(options)
      const { sent, onData } = script({ throws: new Error('17 timed out') }, fulfill())
      peer.onData = onData
      const result = watch(plugin.sendData(prepare({ amount: 0 })))
      await clock.advance(1000)
      expect(result.outcome).toBeDefined()
      expect(sent).toHaveLength(attempts)
    }
  })

  it('that proves nothing in a later attempt ends the retrying', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const error = new Error('17 timed out')
    const { sent, onData } = script(rejectPacket('T00'), { throws: error }, fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10_000)
    expect(result.outcome).toEqual({ error })
    expect(sent).toHaveLength(2)
  })

  it('of a connection that was refused is followed by another attempt', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    peer.onData = script({ throws: refusedConnection() }, fulfill()).onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(1000)
    expect(result.outcome).toEqual({ value: fulfill() })
    expect(seen).toMatchObject([
      {
        type: 'retry-scheduled',
        source: 'retry',
        outcome: 'not-sent',
        code: undefined,
        attempt: 1,
        remaining: 2,
        id: 1
      },
      { type: 'retry-succeeded', attempts: 2, id: 1 }
    ])
  })

  it('by which the peer refused for good (BTP F00) is handed on at once', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const error = btpError('F00')
    const { sent, onData } = script({ throws: error }, fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(60_000)
    expect(result.outcome).toEqual({ error })
    expect(sent).toHaveLength(1)
  })
})

describe('an answer that is none', () => {
  it.each([
    ['a fulfill of something else', fulfill({ fulfillment: fulfillmentOf('wrong') })],
    ['nothing', Buffer.alloc(0)],
    ['a broken reject', Buffer.from([14, 2, 1, 1])],
    ['another packet', prepare()],
    ['no Buffer', null as unknown as Buffer]
  ])('(%s) is handed on after one attempt', async (_name, answer) => {
    const { plugin, peer, clock, prepare } = setup()
    let calls = 0
    peer.onData = () => {
      calls += 1
      return Promise.resolve(answer)
    }
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(60_000)
    expect((result.outcome as { value: unknown }).value).toBe(answer)
    expect(calls).toBe(1)
  })

  it('in a later attempt is handed on, too', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    peer.onData = script(rejectPacket('T00'), Buffer.alloc(0), fulfill()).onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(60_000)
    expect(result.outcome).toEqual({ value: Buffer.alloc(0) })
    expect(seen.at(-1)).toMatchObject({
      type: 'retry-abandoned',
      outcome: 'invalid',
      reason: 'not-retryable',
      attempt: 2
    })
  })
})

describe('data that is no prepare', () => {
  const hello = Buffer.from('hello')

  it('is sent again if it never left, and only then', async () => {
    const { plugin, peer, clock } = setup()
    const answer = rejectPacket('T00')
    const { sent, onData } = script({ throws: refusedConnection() }, answer)
    peer.onData = onData
    const sending = plugin.sendData(hello)
    await clock.advance(1000)
    expect(await sending).toBe(answer)
    expect(sent).toEqual([hello, hello])
  })

  it('is not sent again after a BTP Error or an ambiguous throw', async () => {
    for (const error of [btpError('T00'), new Error('17 timed out')]) {
      const { plugin, peer, clock } = setup({ resendAmbiguousZeroAmount: true })
      const { sent, onData } = script({ throws: error }, hello)
      peer.onData = onData
      const result = watch(plugin.sendData(hello))
      await clock.advance(60_000)
      expect(result.outcome).toEqual({ error })
      expect(sent).toHaveLength(1)
    }
  })

  it('is given up when its time is over', async () => {
    const { plugin, peer, clock, seen } = setup({ dataTimeoutMs: 49 })
    const error = refusedConnection()
    peer.onData = script({ throws: error }, hello).onData
    const result = watch(plugin.sendData(hello))
    await clock.advance(1000)
    expect(result.outcome).toEqual({ error })
    expect(seen).toMatchObject([{ reason: 'deadline', destination: undefined, amount: 0n }])
  })

  it('is left to the plugin if it is no Buffer', async () => {
    const { plugin, peer } = setup()
    const given: unknown[] = []
    peer.onData = (data) => {
      given.push(data)
      return Promise.resolve(data)
    }
    const bytes = new Uint8Array([12, 1])
    expect(await plugin.sendData(bytes as Buffer)).toBe(bytes)
    await plugin.sendData(undefined as never)
    expect(given).toEqual([bytes, undefined])
  })
})

describe('the budget', () => {
  it('lets a hundred packets that fail together make ten retries', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    let calls = 0
    peer.onData = () => {
      calls += 1
      return Promise.resolve(rejectPacket('T00'))
    }
    const results = Array.from({ length: 100 }, () => watch(plugin.sendData(prepare())))
    await clock.advance(10_000)
    expect(calls).toBe(110)
    expect(results.every(({ outcome }) => outcome !== undefined && 'value' in outcome)).toBe(true)
    const reasons = seen.flatMap((event) => (event.type === 'retry-abandoned' ? [event.reason] : []))
    expect(new Set(reasons)).toEqual(new Set(['budget']))
    expect(clock.pending).toBe(0)
  })

  it('is refilled by successes, of any attempt', async () => {
    const { plugin, peer, clock, prepare } = setup({ maxAttempts: 2, budget: { tokens: 1, perSuccess: 0.5 } })
    const run = async (...steps: Buffer[]): Promise<number> => {
      const { sent, onData } = script(...steps)
      peer.onData = onData
      void plugin.sendData(prepare())
      await clock.advance(1000)
      return sent.length
    }
    expect(await run(rejectPacket('T00'), fulfill())).toBe(2)
    expect(await run(rejectPacket('T00'), fulfill())).toBe(1)
    expect(await run(fulfill())).toBe(1)
    expect(await run(rejectPacket('T00'), fulfill())).toBe(2)
  })

  it('can be done without', async () => {
    const { plugin, peer, clock, prepare } = setup({ budget: false, maxAttempts: 2 })
    let calls = 0
    peer.onData = () => {
      calls += 1
      return Promise.resolve(rejectPacket('T00'))
    }
    for (let i = 0; i < 50; i++) void plugin.sendData(prepare())
    await clock.advance(10_000)
    expect(calls).toBe(100)
  })
})

describe('the room for waiting packets', () => {
  it('is bounded by count: who finds none gets the reject at once', async () => {
    const { plugin, peer, clock, prepare, seen } = setup({ maxWaiting: 2 })
    peer.onData = () => Promise.resolve(rejectPacket('T00'))
    const results = Array.from({ length: 3 }, () => watch(plugin.sendData(prepare())))
    await clock.advance(0)
    expect(results.map(({ outcome }) => outcome !== undefined)).toEqual([false, false, true])
    expect(seen.at(-1)).toMatchObject({ type: 'retry-abandoned', reason: 'waiting-full' })
    await clock.advance(10_000)
    expect(results.every(({ outcome }) => outcome !== undefined)).toBe(true)
  })

  it('is bounded by the sum of the amounts, and free again after the wait', async () => {
    const { plugin, peer, clock, prepare } = setup({ maxWaitingAmount: 100n })
    peer.onData = () => Promise.resolve(rejectPacket('T00'))
    const full = watch(plugin.sendData(prepare({ amount: 101 })))
    const fits = watch(plugin.sendData(prepare({ amount: 100 })))
    await clock.advance(0)
    expect([full.outcome !== undefined, fits.outcome !== undefined]).toEqual([true, false])
    await clock.advance(1000)
    const next = watch(plugin.sendData(prepare({ amount: 100 })))
    await clock.advance(0)
    expect(next.outcome).toBeUndefined()
  })

  it('is given back when the budget has no token', async () => {
    const { plugin, peer, clock, prepare } = setup({
      maxWaiting: 1,
      budget: { tokens: 1, perSuccess: 1 },
      maxAttempts: 2
    })
    peer.onData = () => Promise.resolve(rejectPacket('T00'))
    for (let i = 0; i < 3; i++) {
      void plugin.sendData(prepare())
      await clock.advance(1000)
    }
    const { onData } = script(fulfill(), rejectPacket('T00'), fulfill())
    peer.onData = onData
    await plugin.sendData(prepare())
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(1000)
    expect(result.outcome).toEqual({ value: fulfill() })
  })
})

describe('disconnect()', () => {
  it('during a wait ends it at once: the last reject goes back, and nothing more is sent', async () => {
    const { plugin, peer, clock, prepare, seen } = setup()
    const answer = rejectPacket('T00')
    const { sent, onData } = script(answer, fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    const closing = plugin.disconnect()
    await clock.advance(0)
    expect(result.outcome).toEqual({ value: answer })
    expect(seen.at(-1)).toMatchObject({ type: 'retry-abandoned', reason: 'disconnected' })
    await closing
    await clock.advance(10_000)
    expect(sent).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('during an attempt lets it end, and makes no other', async () => {
    const { plugin, peer, clock, prepare } = setup()
    let answer: ((data: Buffer) => void) | undefined
    const { sent, onData } = script(
      new Promise<Buffer>((resolve) => {
        answer = resolve
      }),
      fulfill()
    )
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await plugin.disconnect()
    expect(result.outcome).toBeUndefined()
    const last = rejectPacket('T00')
    answer?.(last)
    await clock.advance(10_000)
    expect(result.outcome).toEqual({ value: last })
    expect(sent).toHaveLength(1)
  })

  it('is not remembered once the host has connected again', async () => {
    const { plugin, peer, clock, prepare } = setup()
    await plugin.disconnect()
    await plugin.connect()
    peer.onData = script(rejectPacket('T00'), fulfill()).onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(1000)
    expect(result.outcome).toEqual({ value: fulfill() })
  })
})

describe('an error of the plugin', () => {
  it('during a wait ends it at once', async () => {
    const { plugin, peer, clock, prepare } = setup()
    const error = refusedConnection()
    const { sent, onData } = script({ throws: error }, fulfill())
    peer.onData = onData
    plugin.on('error', () => undefined)
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(10)
    peer.fail(new Error('broken'))
    await clock.advance(0)
    expect(result.outcome).toEqual({ error })
    await clock.advance(10_000)
    expect(sent).toHaveLength(1)
  })
})

describe('books around it', () => {
  /** Counts what is on hold: a hold before a packet goes on, its end with the answer. */
  function books() {
    const held = { now: 0, ever: 0 }
    const middleware = defineMiddleware({ name: 'books', place: { outgoing: 'any' } }, () => ({
      sendData(data, next) {
        held.now += 1
        held.ever += 1
        const answer = next(data)
        const release = (): void => {
          held.now -= 1
        }
        answer.then(release, release)
        return answer
      }
    }))
    return { held, middleware }
  }

  it('outside see one hold for all attempts', async () => {
    const { held, middleware } = books()
    const { plugin, peer, clock, prepare } = setup({}, { outside: [middleware] })
    peer.onData = script(rejectPacket('T00'), rejectPacket('T00'), fulfill()).onData
    void plugin.sendData(prepare())
    await clock.advance(10)
    expect(held).toEqual({ now: 1, ever: 1 })
    await clock.advance(1000)
    expect(held).toEqual({ now: 0, ever: 1 })
  })

  it('inside see a hold for each attempt, none of which stays', async () => {
    const { held, middleware } = books()
    const { plugin, peer, clock, prepare } = setup({}, { inside: [middleware] })
    peer.onData = script(rejectPacket('T00'), rejectPacket('T00'), fulfill()).onData
    void plugin.sendData(prepare())
    await clock.advance(10)
    expect(held).toEqual({ now: 0, ever: 1 })
    await clock.advance(1000)
    expect(held).toEqual({ now: 0, ever: 3 })
  })

  it('outside see a fulfill that comes after R00 no more', async () => {
    const { held, middleware } = books()
    const { plugin, peer, clock, prepare } = setup({}, { outside: [middleware] })
    let answer: ((data: Buffer) => void) | undefined
    peer.onData = script(
      rejectPacket('T00'),
      new Promise((resolve) => {
        answer = resolve
      })
    ).onData
    const result = watch(plugin.sendData(prepare({ expiresAt: clock.now() + 5000 })))
    await clock.advance(5000)
    answer?.(fulfill())
    await clock.advance(0)
    expect(held).toEqual({ now: 0, ever: 1 })
    expect(rejectCode((result.outcome as { value: Buffer }).value)).toBe('R00')
  })
})

describe('incoming packets and money', () => {
  it('reach the handlers once, whatever these do', async () => {
    const { plugin, peer, clock } = setup()
    let calls = 0
    plugin.registerDataHandler(() => {
      calls += 1
      return Promise.resolve(rejectPacket('T00'))
    })
    expect(await peer.sendData(prepare())).toEqual(rejectPacket('T00'))
    plugin.registerMoneyHandler(() => {
      calls += 1
      return Promise.reject(new Error('full'))
    })
    await expect(peer.sendMoney('5')).rejects.toThrow('full')
    await clock.advance(60_000)
    expect(calls).toBe(2)
  })

  it('sends money once, whatever is thrown', async () => {
    const { plugin, peer, clock } = setup()
    const errors = [refusedConnection(), btpError('T00'), new Error('17 timed out'), undefined]
    let calls = 0
    peer.onMoney = () => {
      calls += 1

      return Promise.reject(errors[calls - 1])
    }
    for (const error of errors) {
      const result = watch(plugin.sendMoney('5'))
      await clock.advance(10_000)
      expect((result.outcome as { error: unknown }).error).toBe(error)
    }
    expect(calls).toBe(errors.length)
  })
})

describe('retryOn', () => {
  it('decides instead of the codes', async () => {
    const { plugin, peer, clock, prepare } = setup({ retryOn: ({ code }) => code === 'T05' })
    const { sent, onData } = script(rejectPacket('T05'), rejectPacket('T00'), fulfill())
    peer.onData = onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(1000)
    expect(result.outcome).toEqual({ value: rejectPacket('T00') })
    expect(sent).toHaveLength(2)
  })

  it('is told what was sent, for it to keep', async () => {
    const told: unknown[] = []
    const { plugin, peer, clock, prepare } = setup({ retryOn: (_outcome, sent) => told.push(sent) < 0 })
    peer.onData = () => Promise.resolve(rejectPacket('T00'))
    const expiresAt = clock.now() + 5000
    for (const amount of [1, 2]) await plugin.sendData(prepare({ amount, expiresAt }))
    expect(told).toEqual([1n, 2n].map((amount) => ({ amount, expiresAt, destination: 'example.receiver' })))
  })

  it('means no by throwing, and the packet gets its answer', async () => {
    const log = new MemoryLog()
    const { plugin, peer, clock, prepare } = setup(
      {
        retryOn: () => {
          throw new RangeError('secret')
        }
      },
      { context: { log } }
    )
    peer.onData = script(rejectPacket('T00'), fulfill()).onData
    const result = watch(plugin.sendData(prepare()))
    await clock.advance(1000)
    expect(result.outcome).toEqual({ value: rejectPacket('T00') })
    expect(log.lines).toEqual(['error: `retryOn` threw RangeError, there is no retry'])
  })
})

describe('retry(false)', () => {
  it('leaves everything as it is', async () => {
    const { plugin: inner, peer } = mockPair({ connected: true })
    const plugin = wrap(inner, [retry(false)])
    const answer = rejectPacket('T00')
    const { sent, onData } = script(answer, fulfill())
    peer.onData = onData
    expect(await plugin.sendData(prepare())).toBe(answer)
    expect(sent).toHaveLength(1)
    const error = new Error('down')
    peer.lose()
    expect(plugin.isConnected()).toBe(false)
    peer.onConnect = () => Promise.reject(error)
    await expect(plugin.connect()).rejects.toBe(error)
  })
})

describe('the order of the list', () => {
  it('is warned about when retry stands in it twice, since attempts would multiply', () => {
    const log = new MemoryLog()
    wrap(mockPair().plugin, [retry(), retry()], { log })
    expect(log.lines).toEqual([expect.stringMatching(/ILP_WRAP_ORDER.*`retry` stands more than once/)])
    const quiet = new MemoryLog()
    wrap(mockPair().plugin, [retry(), retry(false)], { log: quiet })
    expect(quiet.lines).toEqual([])
  })
})

describe('without observers', () => {
  it('works the same', async () => {
    const { alice, bob } = loopbackPair()
    await bob.connect()
    let calls = 0
    bob.registerDataHandler(() => {
      calls += 1
      return Promise.resolve(calls === 1 ? rejectPacket('T00') : fulfill())
    })
    const plugin = wrap(alice, [retry({ random: () => 0 })])
    await plugin.connect()
    expect(await plugin.sendData(prepare())).toEqual(fulfill())
    await plugin.disconnect()
    await bob.disconnect()
  })

  it('connects and pays the same', async () => {
    const clock = testClock()
    const { plugin: inner, peer } = mockPair()
    let tries = 0
    peer.onConnect = () => {
      tries += 1
      return tries < 2 ? Promise.reject(new Error('down')) : Promise.resolve()
    }
    Object.assign(inner, { sendMoneyOnce: () => Promise.resolve() })
    const plugin = wrap(inner, [retry()], { clock, store: new MemoryStore(), account: 'bob' })
    const result = watch(plugin.connect())
    await clock.advance(1000)
    expect(result.outcome).toEqual({ value: undefined })
    await plugin.sendMoney('5')
    peer.lose()
    peer.restore()
    expect(plugin.isConnected()).toBe(true)
  })
})
