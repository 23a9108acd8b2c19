import { InvalidFieldsError, MoneyNotSentError, unwrap, wrap } from '@ilp-wrap/core'
import { rejectCode, rejectMessage } from '@ilp-wrap/core/packet'
import { MemoryLog, fulfill, mockPair, prepare, rejectPacket, testClock } from '@ilp-wrap/testing'
import { describe, expect, it, vi } from 'vitest'
import { Confirmations } from '../src/confirmations.js'
import { Hold } from '../src/hold.js'
import { balance, balanceOf } from '../src/index.js'
import { deferred, setup } from './setup.js'
import type { Fixture, SetupOptions } from './setup.js'
import { SlowStore } from './slow-ledger.js'
import type { Operation } from './slow-ledger.js'

const DESTINATION = 'example.receiver'

/** A plugin whose books are in a store that gives promises. */
function slow(options: SetupOptions = {}): Fixture & { store: SlowStore } {
  const store = new SlowStore()
  return { ...setup({ ledger: store, context: { account: 'alice' }, ...options }), store }
}

async function* noAccounts(): AsyncGenerator<string> {}

/** Has the store fail one kind of operation. */
function breakDown(store: SlowStore, ...broken: Operation[]): Error {
  const error = new Error('disk full')
  store.before = (operation) => {
    if (broken.includes(operation)) throw error
  }
  return error
}

describe('a packet, with a ledger that takes time', () => {
  it('waits for its hold before it goes on, and its fulfill for the commit', async () => {
    const { plugin, peer, packet, books, store, clock } = slow()
    await plugin.connect()
    const hold = deferred<undefined>()
    const commit = deferred<undefined>()
    store.before = (operation) => (operation === 'hold' ? hold.promise : commit.promise)
    let answered = false
    const answer = plugin.sendData(packet(7)).then((reply) => {
      answered = true
      return reply
    })
    await clock.advance(10)
    expect(peer.requests.size).toBe(0)
    hold.resolve(undefined)
    const request = await peer.request()
    request.fulfill()
    await clock.advance(10)
    expect(answered).toBe(false)
    commit.resolve(undefined)
    expect(await answer).toEqual(fulfill())
    expect(await books()).toEqual([-7n, 0n, 0n])
  })

  it('waits in both directions, and passes the same Buffers', async () => {
    const reply = fulfill()
    const given: Buffer[] = []
    const { peer, packet, books } = slow({
      onData: async (data) => {
        given.push(data)
        return reply
      }
    })
    const sent = packet(7)
    expect(await peer.sendData(sent)).toBe(reply)
    expect(given[0]).toBe(sent)
    expect(await books()).toEqual([7n, 0n, 0n])
  })

  it('goes on in the order of the calls, also while the ledger is opening', async () => {
    const { plugin, peer, packet, store, clock } = slow()
    const opened = deferred<undefined>()
    store.before = (operation) => (operation === 'open' ? opened.promise : undefined)
    const sent = [packet(1), packet(2), packet(3)]
    for (const data of sent) void plugin.sendData(data)
    await clock.advance(10)
    expect(peer.requests.size).toBe(0)
    opened.resolve(undefined)
    for (const data of sent) expect((await peer.request()).data).toBe(data)
  })

  it('is refused over the limits', async () => {
    const { plugin, peer, packet, told } = slow({ minimum: -10n, maximum: 10n, onData: async () => fulfill() })
    void plugin.sendData(packet(8))
    expect(rejectCode(await plugin.sendData(packet(3)))).toBe('T04')
    expect(rejectCode(await peer.sendData(packet(11)))).toBe('T04')
    expect(told('packet-rejected')).toMatchObject([{ direction: 'outgoing' }, { direction: 'incoming' }])
  })

  it('is released by a reject, by a throw of the host, and by a refusal of the peer', async () => {
    const { plugin, peer, packet, books } = slow({ onData: () => Promise.reject(undefined) })
    const rejected = plugin.sendData(packet(1))
    ;(await peer.request()).reject('F99')
    await rejected
    const refused = plugin.sendData(packet(2))
    const error = new Error('{"code":"T00","name":"UnreachableError"}')
    ;(await peer.request()).throw(error)
    await expect(refused).rejects.toBe(error)
    await expect(peer.sendData(packet(4))).rejects.toBeUndefined()
    expect(await books()).toEqual([0n, 0n, 0n])
  })

  it('stays held until its expiry after an ambiguous throw', async () => {
    const { plugin, peer, packet, books, told, clock } = slow()
    const lost = plugin.sendData(packet(7))
    ;(await peer.request()).throw(new Error('timed out'))
    await expect(lost).rejects.toThrow('timed out')
    expect(await books()).toEqual([0n, 0n, 7n])
    await clock.advance(32_000)
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('hold-expired')).toHaveLength(1)
  })

  it('is booked when its release by expiry and its fulfill in time cross', async () => {
    const { plugin, peer, packet, books, told, clock } = slow()
    const answer = plugin.sendData(packet(7))
    const request = await peer.request()
    clock.jump(60_000)
    await clock.advance(2_000)
    clock.jump(-60_000)
    request.fulfill()
    await answer
    expect(await books()).toEqual([-7n, 0n, 0n])
    expect(told('hold-recovered')).toHaveLength(1)
  })

  it('is owed when its fulfill came in time and the commit ended after the expiry', async () => {
    const { plugin, peer, packet, books, store, clock } = slow()
    const answer = plugin.sendData(packet(7, 500))
    const request = await peer.request()
    const commit = deferred<undefined>()
    store.before = (operation) => (operation === 'commit' ? commit.promise : undefined)
    request.fulfill()
    await clock.advance(900)
    commit.resolve(undefined)
    await answer
    expect(await books()).toEqual([-7n, 0n, 0n])
  })
})

describe('a ledger that fails', () => {
  it('has prepares answered T00 before anything is sent, and says why', async () => {
    const { plugin, peer, packet, store, told, log } = slow({ onData: async () => fulfill() })
    const error = breakDown(store, 'hold')
    const answer = await plugin.sendData(packet(7))
    expect([rejectCode(answer), rejectMessage(answer)]).toEqual(['T00', 'internal error.'])
    expect(rejectCode(await peer.sendData(packet(5)))).toBe('T00')
    expect(peer.requests.size).toBe(0)
    expect(told('ledger-failed')).toEqual([
      { operation: 'hold', amount: 7n, error, repeated: false },
      { operation: 'hold', amount: 5n, error, repeated: false }
    ])
    expect(told('packet-rejected')).toMatchObject([{ code: 'T00' }, { code: 'T00' }])
    expect(log.lines[0]).toBe('error: the ledger failed to hold: disk full')
  })

  it('is let go of a hold whose answer was lost', async () => {
    const { plugin, packet, store, books, clock } = slow()
    store.after = (operation) => {
      if (operation === 'hold') throw new Error('connection lost')
    }
    expect(rejectCode(await plugin.sendData(packet(7)))).toBe('T00')
    await clock.advance(0)
    expect(await books()).toEqual([0n, 0n, 0n])
  })

  it('does not turn a fulfill into a reject, and is asked again until it has booked it', async () => {
    const { plugin, peer, packet, books, store, told, clock } = slow({ onData: async () => fulfill() })
    await plugin.connect()
    const error = breakDown(store, 'commit')
    peer.onData = async () => fulfill()
    const answers = [plugin.sendData(packet(7)), peer.sendData(packet(5))]
    await clock.advance(29_000)
    expect(told('ledger-failed')).toEqual([
      { operation: 'commit', amount: 7n, error, repeated: true },
      { operation: 'commit', amount: 5n, error, repeated: true }
    ])
    expect(told('commit-deferred')).toEqual([])
    await clock.advance(1_000)
    expect(await Promise.all(answers)).toEqual([fulfill(), fulfill()])
    expect(await books()).toEqual([0n, 5n, 7n])
    store.before = () => undefined
    await clock.advance(1_000)
    expect(await books()).toEqual([-2n, 0n, 0n])
    expect(told('ledger-failed')).toHaveLength(2)
  })

  it('does not hold back a reject, or an error of the plugin', async () => {
    const { plugin, peer, packet, store, told, clock } = slow()
    const error = breakDown(store, 'release')
    const rejected = plugin.sendData(packet(7))
    ;(await peer.request()).answer(rejectPacket('F99'))
    expect(rejectCode(await rejected)).toBe('F99')
    await clock.advance(0)
    expect(told('ledger-failed')).toEqual([{ operation: 'release', amount: 7n, error, repeated: true }])
  })

  it('has connect fail, and the plugin is not connected', async () => {
    const { plugin, inner, peer, packet, store } = slow()
    await inner.disconnect()
    const error = breakDown(store, 'open')
    await expect(plugin.connect()).rejects.toBe(error)
    expect(inner.isConnected()).toBe(false)
    expect(rejectCode(await plugin.sendData(packet(7)))).toBe('T00')
    store.before = () => undefined
    await plugin.connect()
    expect(inner.isConnected()).toBe(true)
    void plugin.sendData(packet(7))
    await peer.request()
  })

  it('is opened once, before the plugin connects', async () => {
    const { plugin, inner, store } = slow()
    await inner.disconnect()
    const order: string[] = []
    inner.on('connect', () => order.push('connected'))
    store.before = (operation) => order.push(operation)
    await Promise.all([plugin.connect(), plugin.connect()])
    await plugin.disconnect()
    await plugin.connect()
    expect(order).toEqual(['open', 'connected', 'connected'])
    expect(store.closed).toBe(false)
  })

  it('that throws at once is no different', async () => {
    const { plugin, peer, packet, told, books } = setup({
      context: { account: 'alice' },
      ledger: {
        open: () => ({
          hold: () => 'held',
          commit: () => {
            throw new Error('commit')
          },
          release: () => {
            throw new Error('release')
          },
          confirm: () => undefined,
          move: () => undefined,
          settle: () => 0n,
          suspend: () => undefined,
          resolve: () => undefined,
          snapshot: () => {
            throw new Error('snapshot')
          },
          outstanding: () => ({ holds: [], unconfirmed: [] })
        }),
        accounts: noAccounts,
        close: () => Promise.resolve()
      }
    })
    const fulfilled = plugin.sendData(packet(7))
    ;(await peer.request()).fulfill()
    expect(await fulfilled).toEqual(fulfill())
    const rejected = plugin.sendData(packet(5))
    ;(await peer.request()).reject('F99')
    await rejected
    peer.onMoney = async () => {}
    await plugin.sendMoney('3')
    expect(told('ledger-failed')).toMatchObject([
      { operation: 'commit', amount: 7n },
      { operation: 'release', amount: 5n },
      { operation: 'snapshot', amount: undefined }
    ])
    await expect(books()).rejects.toThrow('snapshot')
  })

  it('that throws at once when it is opened is no different', async () => {
    const { plugin, packet, handle, told } = setup({
      context: { account: 'alice' },
      ledger: {
        open: () => {
          throw new Error('corrupt')
        },
        accounts: noAccounts,
        close: () => Promise.resolve()
      }
    })
    expect(rejectCode(await plugin.sendData(packet(7)))).toBe('T00')
    await expect(plugin.connect()).rejects.toThrow('corrupt')
    await expect(plugin.sendMoney('5')).rejects.toThrow(MoneyNotSentError)
    handle.balance$.subscribe()
    expect(told('ledger-failed').map((event) => (event as { operation: string }).operation)).toEqual([
      'hold',
      'move',
      'open'
    ])
  })
})

describe('a ledger that fails while nobody observes', () => {
  it('is logged', async () => {
    const store = new SlowStore()
    const { plugin } = mockPair({ connected: true })
    const log = new MemoryLog()
    const wrapped = wrap(plugin, [balance({ maximum: 1n, ledger: store })], { account: 'alice', log })
    breakDown(store, 'hold')
    expect(rejectCode(await wrapped.sendData(prepare()))).toBe('T00')
    expect(log.lines).toEqual(['error: the ledger failed to hold: disk full'])
  })
})

describe('a ledger that is too slow', () => {
  it('has a prepare answered T00 at its expiry, and is let go of a hold that comes later', async () => {
    const { plugin, peer, packet, books, store, told, clock } = slow()
    await plugin.connect()
    const hold = deferred<undefined>()
    store.before = (operation) => (operation === 'hold' ? hold.promise : undefined)
    const answer = plugin.sendData(packet(7))
    await clock.advance(32_000)
    expect(rejectCode(await answer)).toBe('T00')
    expect(told('ledger-failed')).toMatchObject([
      { operation: 'hold', error: { name: 'TimeoutError', code: 'ILP_WRAP_LEDGER_TIMEOUT' } }
    ])
    hold.resolve(undefined)
    await clock.advance(0)
    expect(peer.requests.size).toBe(0)
    expect(await books()).toEqual([0n, 0n, 0n])
  })

  it('keeps a fulfill until its margin, then passes it on, takes no prepares, and books it when it can', async () => {
    const expiresAt = 30_000
    const { plugin, peer, packet, books, store, told, clock } = slow({
      commitMarginMs: 5_000,
      onData: async () => fulfill()
    })
    await plugin.connect()
    let answered = 0
    const passed = (): void => {
      answered++
    }
    const commit = deferred<undefined>()
    store.before = (operation) => (operation === 'commit' ? commit.promise : undefined)
    const start = clock.now()
    void plugin.sendData(packet(7, expiresAt)).then(passed)
    void peer.sendData(packet(5, expiresAt)).then(passed)
    ;(await peer.request()).fulfill()
    await clock.advance(24_000)
    expect(answered).toBe(0)
    await clock.advance(2_000)
    expect(answered).toBe(2)
    expect(told('commit-deferred')).toEqual([
      {
        id: expect.any(String) as string,
        direction: 'incoming',
        amount: 5n,
        destination: DESTINATION,
        expiresAt: start + expiresAt
      },
      {
        id: expect.any(String) as string,
        direction: 'outgoing',
        amount: 7n,
        destination: DESTINATION,
        expiresAt: start + expiresAt
      }
    ])
    expect(rejectCode(await plugin.sendData(packet(1)))).toBe('T00')
    expect(rejectCode(await peer.sendData(packet(1)))).toBe('T00')
    expect(told('packet-rejected')).toMatchObject([
      { direction: 'outgoing', code: 'T00' },
      { direction: 'incoming', code: 'T00' }
    ])
    commit.resolve(undefined)
    await clock.advance(0)
    expect(await books()).toEqual([-2n, 0n, 0n])
    expect(await peer.sendData(packet(1))).toEqual(fulfill())
  })

  it('passes a deferred fulfill on also while nobody observes', async () => {
    const store = new SlowStore()
    const clock = testClock()
    const { plugin, peer } = mockPair({ connected: true })
    const wrapped = wrap(plugin, [balance({ maximum: 10n, ledger: store })], { account: 'alice', clock })
    peer.onData = async () => fulfill()
    const commit = deferred<undefined>()
    store.before = (operation) => (operation === 'commit' ? commit.promise : undefined)
    const answer = wrapped.sendData(prepare({ expiresAt: clock.now() + 1_000 }))
    await clock.advance(2_000)
    expect(await answer).toEqual(fulfill())
    expect(rejectCode(await wrapped.sendData(prepare({ expiresAt: clock.now() + 1_000 })))).toBe('T00')
  })

  it('has a fulfill of the host answered R00 when it comes within the margin, and never books it', async () => {
    const answers = deferred<Buffer>()
    const { peer, packet, books, told, clock } = slow({ commitMarginMs: 5_000, onData: () => answers.promise })
    const answer = peer.sendData(packet(7, 30_000))
    await clock.advance(25_001)
    answers.resolve(fulfill())
    const reply = await answer
    expect([rejectCode(reply), rejectMessage(reply)]).toEqual(['R00', 'packet expired.'])
    expect(told('late-fulfill')).toMatchObject([{ direction: 'incoming', amount: 7n }])
    expect(told('packet-rejected')).toMatchObject([{ direction: 'incoming', code: 'R00' }])
    await clock.advance(60_000)
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('hold-expired')).toEqual([])
  })

  it('has a fulfill of the host that comes after the expiry answered R00', async () => {
    const answers = deferred<Buffer>()
    const { peer, packet, books, told, clock } = slow({ onData: () => answers.promise })
    const answer = peer.sendData(packet(7, 1_000))
    await clock.advance(3_000)
    answers.resolve(fulfill())
    expect(rejectCode(await answer)).toBe('R00')
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('hold-expired')).toHaveLength(1)
  })

  it('has a fulfill passed that comes at the margin, and a reject whenever it comes', async () => {
    const answers = [deferred<Buffer>(), deferred<Buffer>()]
    let next = 0
    const { peer, packet, books, clock } = slow({ commitMarginMs: 5_000, onData: () => answers[next++]!.promise })
    const fulfilled = peer.sendData(packet(7))
    const rejected = peer.sendData(packet(5))
    await clock.advance(0)
    clock.jump(25_000)
    answers[0]!.resolve(fulfill())
    expect(await fulfilled).toEqual(fulfill())
    clock.jump(1)
    answers[1]!.resolve(rejectPacket('F99'))
    expect(rejectCode(await rejected)).toBe('F99')
    expect(await books()).toEqual([7n, 0n, 0n])
  })

  it('keeps the process alive while a packet waits for it, and leaves no timer behind', async () => {
    const { plugin, packet, store, clock } = slow()
    await plugin.connect()
    const hold = deferred<undefined>()
    store.before = (operation) => (operation === 'hold' ? hold.promise : undefined)
    const answer = plugin.sendData(packet(7))
    await clock.advance(0)
    expect(clock.keepingAlive).toBe(1)
    unwrap(plugin)
    await clock.advance(32_000)
    await answer
    expect(clock.pending).toBe(0)
  })
})

describe('money, with a ledger that takes time', () => {
  it('is booked before it is sent', async () => {
    const { plugin, peer, books, store, clock } = slow()
    await plugin.connect()
    const move = deferred<undefined>()
    store.before = (operation) => (operation === 'move' ? move.promise : undefined)
    const sent = plugin.sendMoney('5')
    await clock.advance(10)
    expect(peer.payments.size).toBe(0)
    move.resolve(undefined)
    const payment = await peer.payment()
    expect(await books()).toEqual([5n, 0n, 0n])
    payment.accept()
    await sent
    expect(store.calls).toContain('resolve')
  })

  it('is not sent when it could not be booked', async () => {
    const { plugin, peer, store, books, told } = slow()
    const error = breakDown(store, 'move')
    await expect(plugin.sendMoney('5')).rejects.toThrow(
      expect.objectContaining({ name: 'MoneyNotSentError', code: 'ILP_WRAP_LEDGER_FAILED', cause: error }) as Error
    )
    expect(peer.payments.size).toBe(0)
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('ledger-failed')).toEqual([{ operation: 'move', amount: 5n, error, repeated: false }])
  })

  it('is taken back when it was booked and the answer of the ledger was lost', async () => {
    const { plugin, store, books } = slow()
    store.after = (operation) => {
      if (operation === 'move') throw new Error('connection lost')
    }
    await expect(plugin.sendMoney('5')).rejects.toThrow(MoneyNotSentError)
    expect(await books()).toEqual([0n, 0n, 0n])
  })

  it('is sent, taken back or suspended whatever the ledger does afterwards', async () => {
    const { plugin, peer, store, told, books } = slow()
    breakDown(store, 'resolve', 'suspend')
    peer.onMoney = async () => {}
    await plugin.sendMoney('1')
    peer.onMoney = () => Promise.reject(new MoneyNotSentError('no channel'))
    await expect(plugin.sendMoney('2')).rejects.toThrow('no channel')
    peer.onMoney = () => Promise.reject(new Error('timed out'))
    await expect(plugin.sendMoney('4')).rejects.toThrow('timed out')
    expect(told('ledger-failed')).toMatchObject([
      { operation: 'resolve', amount: 1n },
      { operation: 'resolve', amount: 2n },
      { operation: 'suspend', amount: 4n }
    ])
    expect(await books()).toEqual([7n, 0n, 0n])
  })

  it('from the peer is booked, and is not refused when that fails', async () => {
    const { peer, store, books, told, clock } = slow({ onMoney: async () => {} })
    await peer.sendMoney('5')
    expect(await books()).toEqual([-5n, 0n, 0n])
    const error = breakDown(store, 'move')
    await peer.sendMoney('3')
    expect(await books()).toEqual([-5n, 0n, 0n])
    expect(told('ledger-failed')).toEqual([{ operation: 'move', amount: 3n, error, repeated: true }])
    store.before = () => undefined
    await clock.advance(1_000)
    expect(await books()).toEqual([-8n, 0n, 0n])
    expect(told('money-unbooked')).toEqual([])
  })

  // it was told as unbooked, and in the books all the same once the ledger was back
  it('from the peer is booked once although the answer is lost', async () => {
    const { peer, store, books, clock, told } = slow({ onMoney: async () => {} })
    let lost = 2
    store.after = (operation) => {
      if (operation === 'move' && lost-- > 0) throw new Error('connection lost')
    }
    await peer.sendMoney('3')
    await clock.advance(1_000)
    expect(store.calls.filter((operation) => operation === 'move')).toHaveLength(3)
    expect(await books()).toEqual([-3n, 0n, 0n])
    expect(told('money-unbooked')).toEqual([])
  })

  it('from the peer is told, with the id to adjust it under, once the ledger is not asked again', async () => {
    const { peer, store, clock, told } = slow({ onMoney: async () => {} })
    store.after = (operation) => {
      if (operation === 'move') throw new Error('connection lost')
    }
    await peer.sendMoney('3')
    await store.close()
    await clock.advance(1_000)
    await peer.sendMoney('4')
    const unbooked = told('money-unbooked') as { amount: string; id: string }[]
    expect(unbooked).toMatchObject(['3', '4'].map((amount) => ({ amount, reason: 'ledger-failed' })))
    // the first has taken effect all the same
    const after = await store.reopen().open('alice')
    for (const { amount, id } of unbooked) await after.move(id, -BigInt(amount), 'adjust')
    expect((await after.snapshot()).committed).toBe(-7n)
  })
})

describe('settlement, with a ledger that takes time', () => {
  const settling = (): ReturnType<typeof slow> & { paid: string[] } => {
    const fixture = slow({ settleThreshold: -10n })
    const paid: string[] = []
    fixture.peer.onData = async () => fulfill()
    fixture.peer.onMoney = async (amount) => {
      paid.push(amount)
    }
    return { ...fixture, paid }
  }

  it('pays what is due', async () => {
    const { plugin, packet, clock, paid, books } = settling()
    await plugin.sendData(packet(11))
    await clock.advance(1)
    expect(paid).toEqual(['11'])
    expect(await books()).toEqual([0n, 0n, 0n])
  })

  it('goes on after a ledger that failed', async () => {
    const { plugin, packet, store, clock, paid, told } = settling()
    await plugin.sendData(packet(11))
    const error = breakDown(store, 'settle')
    await clock.advance(1)
    expect(paid).toEqual([])
    expect(told('ledger-failed')).toEqual([{ operation: 'settle', amount: undefined, error, repeated: false }])
    store.before = () => undefined
    await clock.advance(1_000)
    expect(paid).toEqual(['11'])
  })

  it('misses no balance that comes while it looks', async () => {
    // a look reads the balance, and the next packet is booked before the look has ended
    const { plugin, packet, store, clock, paid, handle } = settling()
    await handle.adjust(-11n, 'opening balance')
    await plugin.sendMoney('11')
    paid.length = 0
    const seen = deferred<undefined>()
    let looks = 0
    store.after = (operation) => (operation === 'settle' && ++looks === 1 ? seen.promise : undefined)
    await clock.advance(1)
    expect(looks).toBe(1)
    await plugin.sendData(packet(20))
    seen.resolve(undefined)
    await clock.advance(1)
    expect(paid).toEqual(['20'])
  })
})

describe('the handle, with a ledger that takes time', () => {
  it('settles, also before the ledger is open', async () => {
    const { handle, peer } = slow({ settleTo: 3n })
    peer.onMoney = async () => {}
    expect(await handle.settle()).toBe(3n)
  })

  it('takes money before the ledger is open', async () => {
    const { peer, books } = slow({ onMoney: async () => {} })
    await peer.sendMoney('3')
    expect(await books()).toEqual([-3n, 0n, 0n])
  })

  it('gives snapshots, also before the ledger is open', async () => {
    const { handle } = slow()
    expect(await handle.snapshot()).toEqual({
      committed: 0n,
      holdsIn: 0n,
      holdsOut: 0n,
      suspended: [],
      limits: { maximum: 1000n, minimum: undefined }
    })
  })

  it('rejects with what the ledger throws', async () => {
    const { handle, store } = slow()
    await handle.snapshot()
    const error = breakDown(store, 'snapshot', 'move', 'settle')
    await expect(handle.snapshot()).rejects.toBe(error)
    await expect(handle.adjust(1n, 'a')).rejects.toBe(error)
    await expect(handle.resolve('sent')).rejects.toBe(error)
    await expect(handle.settle()).rejects.toBe(error)
  })

  it('gives balance$, one read at a time for any number of changes', async () => {
    const { handle, store, clock, told } = slow()
    const seen: bigint[] = []
    handle.balance$.subscribe((balance) => seen.push(balance))
    await clock.advance(0)
    const read = deferred<undefined>()
    store.before = (operation) => (operation === 'snapshot' ? read.promise : undefined)
    store.calls.length = 0
    for (const id of ['a', 'b', 'c', 'd']) await handle.adjust(1n, id)
    handle.balance$.subscribe((balance) => seen.push(balance * 100n))
    read.resolve(undefined)
    await clock.advance(0)
    expect(seen).toEqual([0n, 4n, 400n])
    expect(store.calls.filter((operation) => operation === 'snapshot')).toHaveLength(2)
    expect(told('balance-changed')).toEqual([{ balance: 4n }, { balance: 4n }])
  })

  it('reads again after a look, without telling of a change that was none', async () => {
    const { handle, store, clock, told } = slow()
    const read = deferred<undefined>()
    store.before = (operation) => (operation === 'snapshot' ? read.promise : undefined)
    handle.balance$.subscribe()
    handle.balance$.subscribe()
    await clock.advance(0)
    read.resolve(undefined)
    await clock.advance(0)
    expect(told('balance-changed')).toEqual([])
  })

  it('tells of a ledger that fails, and goes on', async () => {
    const { handle, store, clock, told } = slow()
    const seen: bigint[] = []
    const error = breakDown(store, 'open')
    handle.balance$.subscribe((balance) => seen.push(balance))
    await clock.advance(0)
    breakDown(store, 'snapshot')
    await handle.adjust(1n, 'a')
    await clock.advance(0)
    store.before = () => undefined
    await handle.adjust(1n, 'b')
    await clock.advance(0)
    expect(seen).toEqual([2n])
    expect(told('ledger-failed')).toMatchObject([{ operation: 'open', error }, { operation: 'snapshot' }])
  })
})

describe('a ledger that fails for good', () => {
  it('is not asked again, as the books lack the commit', async () => {
    const { plugin, peer, packet, store, told, clock } = slow()
    const error = new InvalidFieldsError('unknown hold')
    store.before = (operation) => {
      if (operation === 'commit') throw error
    }
    peer.onData = async () => fulfill()
    expect(await plugin.sendData(packet(7))).toEqual(fulfill())
    expect(told('ledger-failed')).toEqual([{ operation: 'commit', amount: 7n, error, repeated: false }])
    await clock.advance(10_000)
    expect(store.calls.filter((operation) => operation === 'commit')).toHaveLength(1)
    expect(store.calls).not.toContain('confirm')
    store.before = () => undefined
    expect(await plugin.sendData(packet(7))).toEqual(fulfill())
  })

  it('is asked no more once it is closed', async () => {
    const { plugin, peer, packet, store, told, clock } = slow()
    breakDown(store, 'release')
    const answer = plugin.sendData(packet(7))
    ;(await peer.request()).reject('F99')
    await answer
    await clock.advance(1_000)
    store.before = () => undefined
    await store.close()
    await clock.advance(1_000)
    const asked = store.calls.length
    await clock.advance(10_000)
    expect(store.calls).toHaveLength(asked)
    expect(told('ledger-failed')).toMatchObject([
      { operation: 'release', repeated: true },
      { operation: 'release', repeated: false, error: { code: 'ILP_WRAP_LEDGER_CLOSED' } }
    ])
  })

  it('may throw undefined', async () => {
    const { plugin, peer, packet, store, books, clock } = slow()
    let failures = 2
    store.before = (operation) => (operation === 'release' && failures-- > 0 ? Promise.reject(undefined) : undefined)
    const answer = plugin.sendData(packet(7))
    ;(await peer.request()).reject('F99')
    await answer
    await clock.advance(2_000)
    expect(await books()).toEqual([0n, 0n, 0n])
  })
})

describe('a ledger that has failed', () => {
  it('has prepares answered T00 until it has done what it failed to do', async () => {
    const { plugin, peer, packet, store, books, clock } = slow()
    breakDown(store, 'release')
    const rejected = plugin.sendData(packet(7))
    ;(await peer.request()).reject('F99')
    await rejected
    await clock.advance(0)
    expect(rejectCode(await plugin.sendData(packet(5)))).toBe('T00')
    store.before = () => undefined
    await clock.advance(1_000)
    expect(await books()).toEqual([0n, 0n, 0n])
    peer.onData = async () => fulfill()
    expect(await plugin.sendData(packet(5))).toEqual(fulfill())
  })
})

describe('a fulfill that was passed on', () => {
  it('is confirmed a second later, with the others', async () => {
    const { plugin, peer, packet, store, clock } = slow({ onData: async () => fulfill() })
    await plugin.connect()
    peer.onData = async () => fulfill()
    const confirms = (): number => store.calls.filter((operation) => operation === 'confirm').length
    await Promise.all([plugin.sendData(packet(7)), peer.sendData(packet(5))])
    await clock.advance(900)
    await plugin.sendData(packet(3))
    await clock.advance(900)
    expect(confirms()).toBe(0)
    await clock.advance(300)
    expect(confirms()).toBe(1)
    await plugin.sendData(packet(1))
    await clock.advance(10_000)
    expect(confirms()).toBe(2)
    expect(clock.keepingAlive).toBe(0)
    const after = await store.reopen().open('alice')
    expect((await after.outstanding()).unconfirmed).toEqual([])
  })

  it('is confirmed later when the ledger fails to write that down', async () => {
    const { plugin, peer, packet, store, told, clock } = slow()
    await plugin.connect()
    peer.onData = async () => fulfill()
    const error = breakDown(store, 'confirm')
    await plugin.sendData(packet(7))
    await clock.advance(5_000)
    expect(told('ledger-failed')).toEqual([{ operation: 'confirm', amount: undefined, error, repeated: true }])
    expect(await plugin.sendData(packet(7))).toEqual(fulfill())
    store.before = () => undefined
    await clock.advance(5_000)
    const after = await store.reopen().open('alice')
    expect((await after.outstanding()).unconfirmed).toEqual([])
    expect(clock.keepingAlive).toBe(0)
  })

  it('stays unconfirmed once the ledger is closed', async () => {
    const { plugin, peer, packet, store, told, clock } = slow()
    peer.onData = async () => fulfill()
    await plugin.sendData(packet(7))
    await store.close()
    await clock.advance(5_000)
    expect(told('ledger-failed')).toMatchObject([{ operation: 'confirm', repeated: false }])
    expect(store.calls.filter((operation) => operation === 'confirm')).toHaveLength(1)
  })

  it('is not kept for ever for another try', () => {
    const clock = testClock()
    const confirmations = new Confirmations(clock, () => undefined)
    const some = Array.from({ length: 60_000 }, () => Hold.eternal)
    expect(confirmations.again(some)).toBe(true)
    expect(confirmations.again(some)).toBe(false)
  })
})

describe('what a process that is gone has left', () => {
  /** A process is gone in the middle of a packet each way, of a payment, and right after two fulfills. */
  const left = async (): Promise<SlowStore> => {
    const before = slow({ onData: async () => fulfill() })
    await before.handle.adjust(-20n, 'opening balance')
    await before.peer.sendData(before.packet(1))
    const fulfilled = before.plugin.sendData(before.packet(2))
    ;(await before.peer.request()).fulfill()
    await fulfilled
    void before.plugin.sendData(prepare({ amount: 4n, expiresAt: Date.now() + 100 }))
    await before.peer.request()
    void before.handle.settle()
    await before.peer.payment()
    return before.store.reopen()
  }

  it('is told, and settled by the host', async () => {
    const { plugin, handle, told, books } = setup({ ledger: await left(), context: { account: 'alice' } })
    await plugin.connect()
    expect(await books()).toEqual([0n, 0n, 4n])
    expect(told('settlement-suspended')).toMatchObject([{ amount: 21n }])
    const { holds, unconfirmed } = await handle.outstanding()
    expect(holds).toMatchObject([{ direction: 'out', amount: 4n, lost: true }])
    await vi.waitFor(() => {
      expect(told('hold-expired')).toEqual([
        { id: holds[0]!.id, direction: 'outgoing', amount: 4n, destination: undefined, expiresAt: holds[0]!.expiresAt }
      ])
    })
    expect(unconfirmed).toMatchObject([
      { direction: 'in', amount: 1n },
      { direction: 'out', amount: 2n }
    ])
    await expect(handle.settle()).rejects.toThrow(
      expect.objectContaining({ code: 'ILP_WRAP_SETTLEMENT_SUSPENDED' }) as Error
    )
    expect(await handle.resolve('not-sent', unconfirmed[0]!.id)).toEqual([{ id: unconfirmed[0]!.id, amount: 1n }])
    expect(told('commit-resolved')).toMatchObject([{ direction: 'incoming', amount: 1n, outcome: 'not-sent' }])
    expect(await handle.resolve('sent', 'unknown')).toEqual([])
    await handle.resolve('not-sent')
    expect(await books()).toEqual([-22n, 0n, 0n])
    expect((await handle.outstanding()).unconfirmed).toEqual([unconfirmed[1]])
  })

  it('is logged while nobody observes', async () => {
    const { plugin } = mockPair({ connected: true })
    const log = new MemoryLog()
    const wrapped = wrap(plugin, [balance({ maximum: 1n, ledger: await left() })], { account: 'alice', log })
    const handle = balanceOf(wrapped)
    const { holds, unconfirmed } = await handle.outstanding()
    expect(holds).toHaveLength(1)
    await vi.waitFor(() => {
      expect(log.lines).toEqual([
        expect.stringMatching(/^error: it is unknown whether 21 units arrived/),
        'warn: the process that sent a packet of 4 units is gone: nobody knows its answer'
      ])
    })
    await handle.resolve('sent', unconfirmed[0]!.id)
    expect((await handle.outstanding()).holds).toEqual([])
  })
})

describe('settlement, by several processes', () => {
  it('waits while another process pays, and settles afterwards', async () => {
    const store = new SlowStore()
    const other = new SlowStore(store.kept)
    const { plugin, handle, peer, clock, told } = setup({
      ledger: store,
      context: { account: 'alice' },
      settleThreshold: -10n
    })
    const paid: string[] = []
    peer.onMoney = async (amount) => {
      paid.push(amount)
    }
    const shared = await other.open('alice')
    await shared.move('by hand', -30n, 'adjust')
    await shared.move('from the host of another', 5n, 'money-out')
    await plugin.connect()
    await clock.advance(5_000)
    expect(paid).toEqual([])
    await expect(handle.settle()).rejects.toThrow(
      expect.objectContaining({ code: 'ILP_WRAP_SETTLEMENT_BUSY' }) as Error
    )
    await shared.resolve('from the host of another', 'sent')
    await clock.advance(5_000)
    expect(paid).toEqual(['25'])
    expect(told('settlement-failed')).toEqual([])
  })

  it('takes a settlement back whose booking may have failed', async () => {
    const { handle, peer, store, books, clock } = slow()
    await handle.adjust(-7n, 'opening balance')
    store.after = (operation) => {
      if (operation === 'settle') throw new Error('connection lost')
    }
    await expect(handle.settle()).rejects.toThrow('connection lost')
    await clock.advance(0)
    expect(await books()).toEqual([-7n, 0n, 0n])
    expect(peer.payments.size).toBe(0)
  })
})
