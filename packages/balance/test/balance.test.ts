import { InvalidFieldsError, describe as describeStack, events, unwrap, wrap } from '@ilp-wrap/core'
import { rejectCode, rejectMessage, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import { fulfill, mockPair, prepare, rejectPacket, testClock } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { balance, balanceOf, memoryLedger } from '../src/index.js'
import { SettlingPlugin, deferred, setup } from './setup.js'
import { SlowStore } from './slow-ledger.js'

const DESTINATION = 'example.receiver'

describe('an outgoing prepare', () => {
  it('holds its amount until the answer, and is committed by a fulfill', async () => {
    const { plugin, peer, packet, books, told } = setup()
    const answer = plugin.sendData(packet(7))
    expect(await books()).toEqual([0n, 0n, 7n])
    const request = await peer.request()
    request.fulfill()
    expect(await answer).toEqual(fulfill())
    expect(await books()).toEqual([-7n, 0n, 0n])
    expect(told('balance-changed')).toEqual([{ balance: -7n }])
  })

  it('is released by a reject', async () => {
    const { plugin, peer, packet, books, seen } = setup()
    const answer = plugin.sendData(packet(7))
    ;(await peer.request()).reject('F02')
    expect(rejectCode(await answer)).toBe('F02')
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(seen).toEqual([])
  })

  it('goes on as the same Buffer, and its answer comes back as the same Buffer', async () => {
    const { plugin, peer, packet } = setup()
    const sent = packet(7)
    const answer = plugin.sendData(sent)
    const request = await peer.request()
    expect(request.data).toBe(sent)
    const reply = fulfill()
    request.answer(reply)
    expect(await answer).toBe(reply)
  })

  it('is booked before the host goes on', async () => {
    const { plugin, peer, packet, handle } = setup()
    peer.onData = () => Promise.resolve(fulfill())
    const committed = await plugin.sendData(packet(7)).then(() => handle.snapshot())
    expect(committed).toMatchObject({ committed: -7n, holdsOut: 0n })
  })

  it('is refused with T04 when it would pass the minimum, before anything is sent', async () => {
    const { plugin, peer, packet, books, told } = setup({ minimum: -10n })
    void plugin.sendData(packet(4))
    const refused = await plugin.sendData(packet(7))
    expect(rejectCode(refused)).toBe('T04')
    expect(rejectMessage(refused)).toBe('exceeded minimum balance.')
    expect(rejectTriggeredBy(refused)).toBe('')
    expect(peer.requests.size).toBe(1)
    expect(await books()).toEqual([0n, 0n, 4n])
    expect(told('packet-rejected')).toEqual([
      { direction: 'outgoing', code: 'T04', amount: 7n, destination: DESTINATION }
    ])
  })

  it('may use the last unit', async () => {
    const { plugin, packet, books } = setup({ minimum: -10n })
    void plugin.sendData(packet(10))
    expect(rejectCode(await plugin.sendData(packet(1)))).toBe('T04')
    expect(await books()).toEqual([0n, 0n, 10n])
  })

  it('has no bound when no minimum is given', async () => {
    const { plugin, packet, books } = setup()
    void plugin.sendData(packet(2n ** 64n - 1n))
    void plugin.sendData(packet(2n ** 64n - 1n))
    expect(await books()).toEqual([0n, 0n, 2n ** 65n - 2n])
  })

  it('gets a reject of its own, so that a host that writes on it harms nobody', async () => {
    const { plugin, packet } = setup({ minimum: 0n })
    const first = await plugin.sendData(packet(1))
    first.fill(0)
    expect(rejectCode(await plugin.sendData(packet(1)))).toBe('T04')
  })
})

describe('a prepare that has expired already', () => {
  it('is refused with R00 before it is held, whichever way it goes', async () => {
    let calls = 0
    const { plugin, peer, packet, books, told } = setup({
      onData: async () => {
        calls++
        return fulfill()
      }
    })
    // one of 1969 once stopped an account for good, with a store that could not read back what it had written
    for (const expired of [packet(7, 0), packet(7, -1), prepare({ amount: 7n, expiresAt: -1 })]) {
      for (const answer of [await plugin.sendData(expired), await peer.sendData(expired)]) {
        expect(rejectCode(answer)).toBe('R00')
        expect(rejectMessage(answer)).toBe('packet expired.')
      }
    }
    expect([calls, peer.requests.size]).toEqual([0, 0])
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('packet-rejected').slice(0, 2)).toEqual([
      { direction: 'outgoing', code: 'R00', amount: 7n, destination: DESTINATION },
      { direction: 'incoming', code: 'R00', amount: 7n, destination: DESTINATION }
    ])
    void plugin.sendData(packet(7, 1))
    expect(await books()).toEqual([0n, 0n, 7n])
  })
})

describe('an incoming prepare', () => {
  it('holds its amount until the host has answered, and is committed by a fulfill', async () => {
    const reply = deferred<Buffer>()
    const { peer, packet, books } = setup({ onData: () => reply.promise })
    const answer = peer.sendData(packet(7))
    expect(await books()).toEqual([0n, 7n, 0n])
    reply.resolve(fulfill())
    await answer
    expect(await books()).toEqual([7n, 0n, 0n])
  })

  it('is released by a reject', async () => {
    const { peer, packet, books } = setup({ onData: async () => rejectPacket('F99') })
    expect(rejectCode(await peer.sendData(packet(7)))).toBe('F99')
    expect(await books()).toEqual([0n, 0n, 0n])
  })

  it.each([new Error('no'), undefined, 'text', null])(
    'is released when the host throws %o, which passes',
    async (error) => {
      const { peer, packet, books } = setup({ onData: () => Promise.reject(error) })
      await expect(peer.sendData(packet(7)).catch((thrown: unknown) => Promise.reject([thrown]))).rejects.toEqual([
        error
      ])
      expect(await books()).toEqual([0n, 0n, 0n])
    }
  )

  it('is refused with T04 when it would pass the maximum, and the host does not see it', async () => {
    let calls = 0
    const { peer, packet, books, told } = setup({
      maximum: 10n,
      onData: () => {
        calls++
        return deferred<Buffer>().promise
      }
    })
    void peer.sendData(packet(4))
    const refused = await peer.sendData(packet(7))
    expect(rejectCode(refused)).toBe('T04')
    expect(rejectMessage(refused)).toBe('exceeded maximum balance.')
    expect(calls).toBe(1)
    expect(await books()).toEqual([0n, 4n, 0n])
    expect(told('packet-rejected')).toEqual([
      { direction: 'incoming', code: 'T04', amount: 7n, destination: DESTINATION }
    ])
  })

  it('finds no room in what outgoing packets hold', async () => {
    const { plugin, peer, packet } = setup({ maximum: 10n, onData: async () => fulfill() })
    void plugin.sendData(packet(5))
    expect(rejectCode(await peer.sendData(packet(11)))).toBe('T04')
  })

  it('gives the last unit to one of two that race for it', async () => {
    const { peer, packet, books } = setup({ maximum: 1n, onData: async () => fulfill() })
    const answers = await Promise.all([peer.sendData(packet(1)), peer.sendData(packet(1))])
    expect(answers.map((answer) => rejectCode(answer))).toEqual([undefined, 'T04'])
    expect(await books()).toEqual([1n, 0n, 0n])
  })

  it('never passes the maximum with 10,000 in flight', async () => {
    const gate = deferred<Buffer>()
    const { peer, packet, books } = setup({ maximum: 5_000n, onData: () => gate.promise })
    const answers = Array.from({ length: 10_000 }, () => peer.sendData(packet(1)))
    expect(await books()).toEqual([0n, 5_000n, 0n])
    gate.resolve(fulfill())
    const codes = (await Promise.all(answers)).map((answer) => rejectCode(answer))
    expect(codes.filter((code) => code === undefined)).toHaveLength(5_000)
    expect(codes.filter((code) => code === 'T04')).toHaveLength(5_000)
    expect(await books()).toEqual([5_000n, 0n, 0n])
  })
})

describe('what touches no books', () => {
  it.each([
    ['an empty Buffer', Buffer.alloc(0)],
    ['one byte', Buffer.from([12])],
    ['a prepare that is cut off', prepare({ amount: 7 }).subarray(0, 40)],
    ['a fulfill', fulfill()],
    ['text', Buffer.from('{"type":"prepare"}')],
    ['a prepare of nothing', prepare({ amount: 0 })]
  ])('passes %s both ways', async (_what, data) => {
    const { plugin, peer, books, seen } = setup({ maximum: 0n, minimum: 0n, onData: async (given) => given })
    peer.onData = async (given) => given
    expect(await plugin.sendData(data)).toBe(data)
    expect(await peer.sendData(data)).toBe(data)
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(seen).toEqual([])
  })

  it('passes what is no Buffer as the plugin takes it', async () => {
    const { plugin, peer } = setup()
    peer.onData = async (given) => given
    const odd = new Uint8Array([12, 1]) as Buffer
    expect(await plugin.sendData(odd)).toBe(odd)
    expect(await plugin.sendData(undefined as unknown as Buffer)).toBeUndefined()
  })
})

describe('an answer that is neither fulfill nor reject', () => {
  // RFC 0027, "Terminology": only a valid fulfill executes a packet; a plugin gives one answer
  it.each([
    ['nothing', undefined],
    ['an empty Buffer', Buffer.alloc(0)],
    ['a fulfill that is cut off', fulfill().subarray(0, 20)],
    ['text', Buffer.from('fulfilled!')],
    ['the prepare itself', prepare()]
  ])('releases the hold and passes: %s', async (_what, reply) => {
    const { plugin, peer, packet, books } = setup({ onData: async () => reply as Buffer })
    peer.onData = async () => reply as Buffer
    expect(await plugin.sendData(packet(7))).toBe(reply)
    expect(await peer.sendData(packet(7))).toBe(reply)
    expect(await books()).toEqual([0n, 0n, 0n])
  })
})

describe('an outgoing prepare whose sending throws', () => {
  const failure = (fields: object): Error => Object.assign(new Error('no'), fields)

  it.each([
    ['an error that says it was not sent', failure({ notSent: true })],
    ['a refused connection', failure({ code: 'ECONNREFUSED', syscall: 'connect' })],
    ['the BTP Error of the peer', new Error('{"code":"F00","name":"NotAcceptedError"}')]
  ])('is released at once by %s', async (_what, error) => {
    const { plugin, peer, packet, books, seen } = setup()
    const answer = plugin.sendData(packet(7))
    ;(await peer.request()).throw(error)
    await expect(answer).rejects.toBe(error)
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(seen).toEqual([])
  })

  it.each([
    ['a timeout', new Error('17 timed out')],
    ['a lost socket', failure({ code: 'ECONNRESET', syscall: 'read' })],
    ['undefined', undefined]
  ])('stays held until its expiry after %s, which is ambiguous', async (_what, error) => {
    const { plugin, peer, packet, books, told, clock } = setup()
    const sent = packet(7)
    const answer = plugin.sendData(sent)
    ;(await peer.request()).throw(error)
    await expect(answer.catch((thrown: unknown) => Promise.reject([thrown]))).rejects.toEqual([error])
    expect(await books()).toEqual([0n, 0n, 7n])
    // the hold needs no more of the packet than its destination
    sent.fill(0)
    await clock.advance(29_000)
    expect(await books()).toEqual([0n, 0n, 7n])
    const expiresAt = clock.now() + 1_000
    await clock.advance(2_000)
    expect(await books()).toEqual([0n, 0n, 0n])
    const id = expect.any(String) as string
    expect(told('hold-expired')).toEqual([
      { id, direction: 'outgoing', amount: 7n, destination: DESTINATION, expiresAt }
    ])
  })

  it('stays released when the throw comes after the expiry', async () => {
    const { plugin, peer, packet, books, told, clock } = setup()
    const answer = plugin.sendData(packet(7))
    const request = await peer.request()
    await clock.advance(32_000)
    request.throw(failure({ notSent: true }))
    await expect(answer).rejects.toThrow('no')
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('hold-expired')).toHaveLength(1)
  })
})

describe('a prepare that is not answered in time', () => {
  it('is released at its expiry, in both directions', async () => {
    const { plugin, peer, packet, books, told, clock } = setup({ onData: () => deferred<Buffer>().promise })
    void plugin.sendData(packet(7))
    void peer.sendData(packet(5))
    expect(await books()).toEqual([0n, 5n, 7n])
    await clock.advance(32_000)
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('hold-expired')).toMatchObject([
      { direction: 'outgoing', amount: 7n },
      { direction: 'incoming', amount: 5n }
    ])
  })

  it('makes room for the next one at its expiry', async () => {
    const { plugin, peer, packet, clock } = setup({ minimum: -7n })
    void plugin.sendData(packet(7))
    expect(rejectCode(await plugin.sendData(packet(7)))).toBe('T04')
    await clock.advance(32_000)
    void plugin.sendData(packet(7))
    expect(peer.requests.size).toBe(2)
  })

  it('is not owed when its fulfill comes late, which passes all the same', async () => {
    const { plugin, peer, packet, books, told, clock } = setup()
    const sent = packet(7)
    const expiresAt = clock.now() + 30_000
    const answer = plugin.sendData(sent)
    const request = await peer.request()
    await clock.advance(32_000)
    sent.fill(0)
    request.fulfill()
    expect(await answer).toEqual(fulfill())
    expect(await books()).toEqual([0n, 0n, 0n])
    const what = { direction: 'outgoing', amount: 7n, destination: DESTINATION, expiresAt }
    expect(told('hold-expired')).toMatchObject([what])
    expect(told('late-fulfill')).toEqual([what])
    expect(told('balance-changed')).toEqual([])
  })

  it('is late at its very expiry, also before any timer has run', async () => {
    const { plugin, peer, packet, books, told, clock } = setup()
    const answer = plugin.sendData(packet(7))
    const request = await peer.request()
    clock.jump(30_000)
    request.fulfill()
    await answer
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('late-fulfill')).toHaveLength(1)
    expect(told('hold-expired')).toEqual([])
    await clock.advance(2_000)
    expect(told('hold-expired')).toEqual([])
  })

  it('is in time one millisecond before', async () => {
    const { plugin, peer, packet, books, clock } = setup()
    const answer = plugin.sendData(packet(7))
    const request = await peer.request()
    clock.jump(29_999)
    request.fulfill()
    await answer
    expect(await books()).toEqual([-7n, 0n, 0n])
  })

  it('tells of a late incoming fulfill, too: the peer does not owe it', async () => {
    const reply = deferred<Buffer>()
    const { peer, packet, books, told, clock } = setup({ onData: () => reply.promise })
    const answer = peer.sendData(packet(7))
    clock.jump(30_000)
    reply.resolve(fulfill())
    await answer
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('late-fulfill')).toMatchObject([{ direction: 'incoming', amount: 7n }])
  })

  it('is booked all the same when the clock goes back and the fulfill is in time', async () => {
    const { plugin, peer, packet, books, told, clock } = setup()
    const answer = plugin.sendData(packet(7))
    const request = await peer.request()
    clock.jump(60_000)
    await clock.advance(2_000)
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('hold-expired')).toHaveLength(1)
    clock.jump(-60_000)
    request.fulfill()
    await answer
    expect(await books()).toEqual([-7n, 0n, 0n])
    expect(told('hold-recovered')).toMatchObject([{ direction: 'outgoing', amount: 7n, destination: DESTINATION }])
  })

  it('tells an empty destination when its bytes were overwritten', async () => {
    const { plugin, packet, told, clock } = setup()
    const sent = packet(7)
    void plugin.sendData(sent)
    sent.fill(0)
    await clock.advance(32_000)
    expect(told('hold-expired')).toMatchObject([{ amount: 7n, destination: '' }])
  })

  it('may expire in a hundred years', async () => {
    const { plugin, peer, packet, books, clock } = setup()
    const answer = plugin.sendData(packet(7, 100 * 365 * 86_400_000))
    await clock.advance(10_000)
    expect(await books()).toEqual([0n, 0n, 7n])
    ;(await peer.request()).fulfill()
    await answer
    expect(await books()).toEqual([-7n, 0n, 0n])
  })
})

describe('a reject that comes late', () => {
  it('changes nothing', async () => {
    const { plugin, peer, packet, books, told, clock } = setup()
    const answer = plugin.sendData(packet(7))
    const request = await peer.request()
    await clock.advance(32_000)
    request.reject('T00')
    await answer
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('late-fulfill')).toEqual([])
  })
})

describe('the stack', () => {
  it('says where balance belongs', () => {
    const { plugin } = setup()
    expect(describeStack(plugin).middleware).toEqual([
      { name: 'balance', place: { incoming: 'books', outgoing: 'books' } }
    ])
  })

  it('does nothing for a direction that is switched off', async () => {
    const { plugin, peer, packet, books } = setup({
      maximum: 0n,
      incoming: false,
      onData: async () => fulfill(),
      onMoney: async () => {}
    })
    expect(describeStack(plugin).middleware[0]!.place).toEqual({ outgoing: 'books' })
    peer.onData = async () => fulfill()
    await peer.sendData(packet(7))
    await peer.sendMoney('7')
    expect(await books()).toEqual([0n, 0n, 0n])
    await plugin.sendData(packet(7))
    expect(await books()).toEqual([-7n, 0n, 0n])
  })

  it('does nothing for outgoing packets and money when that is switched off', async () => {
    const { plugin, peer, packet, books } = setup({
      minimum: 0n,
      outgoing: false,
      onData: async () => fulfill(),
      onMoney: async () => {}
    })
    expect(describeStack(plugin).middleware[0]!.place).toEqual({ incoming: 'books' })
    peer.onData = async () => fulfill()
    peer.onMoney = async () => {}
    await plugin.sendData(packet(7))
    await plugin.sendMoney('7')
    expect(await books()).toEqual([0n, 0n, 0n])
    await peer.sendData(packet(7))
    await peer.sendMoney('2')
    expect(await books()).toEqual([5n, 0n, 0n])
  })

  it('refuses to settle over a plugin that settles by itself', () => {
    const settling = new SettlingPlugin()
    expect(() => wrap(settling, [balance({ maximum: 100n, settleThreshold: -5n })])).toThrow(
      expect.objectContaining({ name: 'InvalidFieldsError', code: 'ILP_WRAP_SETTLES_TWICE' }) as Error
    )
    expect(() => wrap(settling, [balance({ maximum: 100n })])).not.toThrow()
  })

  it('asks for an account when the ledger is not the one in memory', () => {
    const { plugin } = mockPair()
    const middleware = [balance({ maximum: 1n, ledger: new SlowStore() })]
    expect(() => wrap(plugin, middleware)).toThrow(expect.objectContaining({ name: 'InvalidServicesError' }) as Error)
    expect(() => wrap(plugin, middleware, { account: 'alice' })).not.toThrow()
  })

  it('shares books in memory between plugins of the same account', async () => {
    const ledger = memoryLedger()
    const one = setup({ maximum: 10n, ledger, context: { account: 'alice' }, onData: async () => fulfill() })
    const two = setup({ maximum: 10n, ledger, context: { account: 'alice' }, onData: async () => fulfill() })
    const other = setup({ maximum: 10n, ledger, context: { account: 'bob' }, onData: async () => fulfill() })
    await one.peer.sendData(one.packet(8))
    expect(rejectCode(await two.peer.sendData(two.packet(3)))).toBe('T04')
    expect(rejectCode(await other.peer.sendData(other.packet(3)))).toBeUndefined()
  })

  it('keeps the books of plugins without an account apart', async () => {
    const ledger = memoryLedger()
    const one = setup({ maximum: 10n, ledger, onData: async () => fulfill() })
    const two = setup({ maximum: 10n, ledger, onData: async () => fulfill() })
    await one.peer.sendData(one.packet(8))
    expect(rejectCode(await two.peer.sendData(two.packet(8)))).toBeUndefined()
  })

  it('survives an observer that throws', async () => {
    const { plugin, peer, packet, books, log } = setup({ minimum: 0n, onData: async () => fulfill() })
    events(plugin).subscribe(() => {
      throw new Error('observer')
    })
    expect(rejectCode(await plugin.sendData(packet(7)))).toBe('T04')
    await peer.sendData(packet(7))
    expect(await books()).toEqual([7n, 0n, 0n])
    expect(log.lines.join()).toContain('observer')
  })

  it('builds no event while nobody observes', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    const clock = testClock()
    const wrapped = wrap(plugin, [balance({ maximum: 10n, minimum: -10n })], { clock })
    wrapped.registerDataHandler(async () => fulfill())
    const packet = (amount: number): Buffer => prepare({ amount, expiresAt: clock.now() + 1_000 })
    expect(rejectCode(await peer.sendData(packet(11)))).toBe('T04')
    await peer.sendData(packet(7))
    void wrapped.sendData(packet(10))
    const late = wrapped.sendData(packet(7))
    const [first, second] = [await peer.request(), await peer.request()]
    first.throw(new Error('timed out'))
    clock.jump(2_000)
    second.fulfill()
    await late
    await clock.advance(2_000)
    expect(await balanceOf(wrapped).snapshot()).toMatchObject({ committed: 7n, holdsIn: 0n, holdsOut: 0n })
  })

  it('passes connect and disconnect on, options and errors by identity', async () => {
    const { plugin, peer } = setup()
    await plugin.disconnect()
    const options = { timeout: 5 }
    let given: unknown
    peer.onConnect = async (connectOptions) => {
      given = connectOptions
    }
    await plugin.connect(options)
    expect(given).toBe(options)
    const error = new Error('no')
    peer.onDisconnect = () => Promise.reject(error)
    await expect(plugin.disconnect()).rejects.toBe(error)
  })

  it('still answers and books what was in flight at a disconnect', async () => {
    const { plugin, peer, packet, books } = setup()
    const answered = plugin.sendData(packet(7))
    const lost = plugin.sendData(packet(5))
    const [first, second] = [await peer.request(), await peer.request()]
    await plugin.disconnect()
    first.fulfill()
    second.throw(new Error('connection lost'))
    await answered
    await expect(lost).rejects.toThrow('connection lost')
    expect(await books()).toEqual([-7n, 0n, 5n])
  })

  it('keeps no process alive for its holds, and leaves no timer once they are gone', async () => {
    const { plugin, packet, clock } = setup()
    void plugin.sendData(packet(7))
    expect(clock.keepingAlive).toBe(0)
    await plugin.disconnect()
    expect(clock.pending).toBe(1)
    await clock.advance(32_000)
    expect(clock.pending).toBe(0)
    await plugin.connect()
    void plugin.sendData(packet(7))
    unwrap(plugin)
    await clock.advance(32_000)
    expect(clock.pending).toBe(0)
  })
})

describe('balanceOf', () => {
  it('throws for a plugin without balance', () => {
    const bare = wrap(mockPair().plugin, [])
    expect(() => balanceOf(bare)).toThrow(InvalidFieldsError)
    expect(() => balanceOf(bare)).toThrow(expect.objectContaining({ code: 'ILP_WRAP_NO_BALANCE' }) as Error)
  })

  it('gives the same handle each time, through any number of layers', () => {
    const { plugin, handle } = setup()
    expect(balanceOf(plugin)).toBe(handle)
    expect(balanceOf(wrap(plugin, []))).toBe(handle)
  })
})
