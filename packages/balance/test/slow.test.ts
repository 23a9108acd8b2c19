import { MoneyNotSentError, unwrap, wrap } from '@ilp-wrap/core'
import { rejectCode, rejectMessage } from '@ilp-wrap/core/packet'
import { MemoryLog, fulfill, mockPair, prepare, rejectPacket } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { balance } from '../src/index.js'
import { deferred, setup } from './setup.js'
import type { Fixture, SetupOptions } from './setup.js'
import { SlowStore } from './slow-ledger.js'
import type { Operation } from './slow-ledger.js'

/** A plugin whose books are in a store that gives promises. */
function slow(options: SetupOptions = {}): Fixture & { store: SlowStore } {
  const store = new SlowStore()
  return { ...setup({ ledger: store, context: { account: 'alice' }, ...options }), store }
}

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
      { operation: 'hold', amount: 7n, error },
      { operation: 'hold', amount: 5n, error }
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

  it('does not turn a fulfill into a reject', async () => {
    const { plugin, peer, packet, store, told } = slow({ onData: async () => fulfill() })
    const error = breakDown(store, 'commit')
    peer.onData = async () => fulfill()
    expect(await plugin.sendData(packet(7))).toEqual(fulfill())
    expect(await peer.sendData(packet(5))).toEqual(fulfill())
    expect(told('ledger-failed')).toEqual([
      { operation: 'commit', amount: 7n, error },
      { operation: 'commit', amount: 5n, error }
    ])
  })

  it('does not hold back a reject, or an error of the plugin', async () => {
    const { plugin, peer, packet, store, told, clock } = slow()
    const error = breakDown(store, 'release')
    const rejected = plugin.sendData(packet(7))
    ;(await peer.request()).answer(rejectPacket('F99'))
    expect(rejectCode(await rejected)).toBe('F99')
    await clock.advance(0)
    expect(told('ledger-failed')).toEqual([{ operation: 'release', amount: 7n, error }])
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
          move: () => undefined,
          suspend: () => undefined,
          resolve: () => undefined,
          snapshot: () => {
            throw new Error('snapshot')
          }
        }),
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

  it('does not keep a fulfill longer than a second, and books it when it can', async () => {
    const { plugin, peer, packet, books, store, told, clock } = slow()
    const answer = plugin.sendData(packet(7))
    const request = await peer.request()
    const commit = deferred<undefined>()
    store.before = (operation) => (operation === 'commit' ? commit.promise : undefined)
    request.fulfill()
    await clock.advance(2_000)
    expect(await answer).toEqual(fulfill())
    expect(told('ledger-failed')).toMatchObject([{ operation: 'commit', error: { name: 'TimeoutError' } }])
    commit.resolve(undefined)
    await clock.advance(0)
    expect(await books()).toEqual([-7n, 0n, 0n])
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
    expect(told('ledger-failed')).toEqual([{ operation: 'move', amount: 5n, error }])
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
    const { peer, store, books, told } = slow({ onMoney: async () => {} })
    await peer.sendMoney('5')
    expect(await books()).toEqual([-5n, 0n, 0n])
    const error = breakDown(store, 'move')
    await peer.sendMoney('3')
    expect(await books()).toEqual([-5n, 0n, 0n])
    expect(told('money-unbooked')).toEqual([{ amount: '3', reason: 'ledger-failed', error }])
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
    const error = breakDown(store, 'snapshot')
    await clock.advance(1)
    expect(paid).toEqual([])
    expect(told('ledger-failed')).toContainEqual({ operation: 'snapshot', amount: undefined, error })
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
    let reads = 0
    store.after = (operation) => {
      // the first read after the start of a round is that of the look
      if (operation === 'snapshot' && ++reads === 1) return seen.promise
      return undefined
    }
    await clock.advance(1)
    expect(reads).toBe(1)
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
    const error = breakDown(store, 'snapshot', 'move')
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
