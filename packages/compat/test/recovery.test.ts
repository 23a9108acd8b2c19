import { deserializeIlpReject } from 'ilp-packet'
import { describe, expect, it } from 'vitest'
import { InvalidServicesError, wrap } from '@ilp-wrap/core'
import type { Store } from '@ilp-wrap/core'
import { MemoryStore, fulfill, legacyPair, prepare, testClock } from '@ilp-wrap/testing'
import { compat } from '../src/index.js'
import type { CompatOptions } from '../src/index.js'
import { CONDITION, PREIMAGE, connected, settled, setup } from './setup.js'
import type { Setup } from './setup.js'
import { named } from './v1-double.js'

const codeOf = async (answer: Promise<Buffer>): Promise<string> => deserializeIlpReject(await answer).code

async function reconnect({ v1 }: Setup): Promise<void> {
  v1.emit('disconnect')
  v1.emit('connect')
  await settled()
}

// E.4 no. 36
describe('a reconnect', () => {
  it('asks what became of the transfers that are open: one that was fulfilled is', async () => {
    const made = await connected()
    const answer = made.plugin.sendData(made.prepare())
    const asked: string[] = []
    made.v1.fulfillments = async (id) => {
      asked.push(id)
      return PREIMAGE
    }
    await reconnect(made)
    expect((await answer)[0]).toBe(13)
    expect(asked).toEqual([made.v1.last.id])
  })

  it('learns that one was rolled back', async () => {
    const made = await connected()
    const answer = made.plugin.sendData(made.prepare())
    made.v1.fulfillments = () => Promise.reject(named('AlreadyRolledBackError'))
    await reconnect(made)
    expect(await codeOf(answer)).toBe('R00')
  })

  it('goes on waiting for one that is not fulfilled yet, or that the plugin cannot tell about', async () => {
    const made = await connected()
    const answer = made.plugin.sendData(made.prepare())
    for (const error of [
      named('MissingFulfillmentError'),
      new Error('socket'),
      undefined,
      named('TransferNotFoundError')
    ]) {
      made.v1.fulfillments = () => Promise.reject(error)
      await reconnect(made)
      expect(made.handle.outgoing).toBe(1)
    }
    await made.clock.advance(11_000)
    expect(await codeOf(answer)).toBe('R00')
  })

  it('gives up one that the plugin could not submit and the ledger does not know', async () => {
    const made = await connected()
    made.v1.holds = true
    const answer = made.plugin.sendData(made.prepare())
    made.v1.sent[0]!.reject(new Error('socket'))
    made.v1.fulfillments = () => Promise.reject(named('TransferNotFoundError'))
    await reconnect(made)
    expect(await codeOf(answer)).toBe('T00')
  })

  // The call may reach the ledger after the answer that it has no such transfer.
  it('does not give up one that the plugin is still submitting', async () => {
    const made = await connected()
    made.v1.holds = true
    const answer = made.plugin.sendData(made.prepare())
    made.v1.fulfillments = () => Promise.reject(named('TransferNotFoundError'))
    await reconnect(made)
    made.v1.emit('outgoing_fulfill', made.v1.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
  })

  it('rejects where the ledger has something else under the id', async () => {
    const made = await connected()
    const answer = made.plugin.sendData(made.prepare())
    const cause = named('TransferNotConditionalError')
    made.v1.fulfillments = () => Promise.reject(cause)
    await Promise.all([
      expect(answer).rejects.toMatchObject({ code: 'ILP_WRAP_TRANSFER_NOT_CONDITIONAL', cause }),
      reconnect(made)
    ])
    expect(made.handle.outgoing).toBe(0)
  })

  it('does not believe a fulfillment that is none', async () => {
    const made = await connected()
    const answer = made.plugin.sendData(made.prepare())
    made.v1.fulfillments = async () => 'wrong'
    await reconnect(made)
    expect(await codeOf(answer)).toBe('F05')
  })

  it('asks for eight at a time, and not for what has been answered meanwhile', async () => {
    const made = await connected()
    for (let i = 0; i < 30; i++) void made.plugin.sendData(made.prepare())
    const asked: { id: string; answer: (fulfillment: string) => void }[] = []
    made.v1.fulfillments = (id) => new Promise((answer) => asked.push({ id, answer }))
    await reconnect(made)
    expect(asked).toHaveLength(8)
    for (const { transfer } of made.v1.sent.slice(10)) made.v1.emit('outgoing_cancel', transfer)
    for (const { answer } of asked.splice(0)) answer(PREIMAGE)
    await settled()
    expect(asked).toHaveLength(2)
    // what was answered otherwise before its question was
    made.v1.emit('outgoing_cancel', made.v1.sent[8]!.transfer)
    for (const { answer } of asked) answer(PREIMAGE)
    await settled()
    expect(made.handle.outgoing).toBe(0)
    expect(made.seen.map(({ type }) => type)).toEqual(['transfer-paid-late'])
  })

  // Eight calls that never end had used up all questions of this process.
  it('asks again at the next one, though the questions of the last are not answered', async () => {
    const made = await connected()
    const answers = Array.from({ length: 10 }, () => made.plugin.sendData(made.prepare()))
    made.v1.fulfillments = () => new Promise(() => {})
    await reconnect(made)
    made.v1.fulfillments = async () => PREIMAGE
    await reconnect(made)
    for (const answer of answers) expect((await answer)[0]).toBe(13)
  })

  it('takes two answers to two questions for one outcome', async () => {
    const made = await connected()
    const answer = made.plugin.sendData(made.prepare())
    const asked: ((fulfillment: string) => void)[] = []
    made.v1.fulfillments = () => new Promise((resolve) => asked.push(resolve))
    await reconnect(made)
    await reconnect(made)
    for (const resolve of asked) resolve(PREIMAGE)
    expect((await answer)[0]).toBe(13)
    await settled()
    expect([asked.length, made.seen]).toEqual([2, []])
  })

  it('does not wait for ever until it asks for the next', async () => {
    const made = await connected()
    const packet = made.prepare({ expiresAt: made.clock.now() + 60_000 })
    const answers = Array.from({ length: 9 }, () => made.plugin.sendData(packet))
    let asked = 0
    made.v1.fulfillments = () => (++asked > 8 ? Promise.resolve(PREIMAGE) : new Promise(() => {}))
    await reconnect(made)
    expect(asked).toBe(8)
    await made.clock.advance(11_000)
    expect((await answers[8]!)[0]).toBe(13)
  })

  it('does not mistake an error for news where the outcome has come meanwhile', async () => {
    const made = await connected()
    const answer = made.plugin.sendData(made.prepare())
    let fail: (error: Error) => void = () => {}
    made.v1.fulfillments = () => new Promise((_, reject) => (fail = reject))
    await reconnect(made)
    made.v1.emit('outgoing_fulfill', made.v1.last, PREIMAGE)
    fail(named('AlreadyRolledBackError'))
    await settled()
    expect((await answer)[0]).toBe(13)
    expect(made.seen).toEqual([])
  })

  // E.4 no. 37: ilp-plugin-payment-channel-framework
  it('asks nothing of a plugin without getFulfillment', async () => {
    const made = await connected()
    made.v1.getFulfillment = undefined as never
    const answer = made.plugin.sendData(made.prepare())
    await reconnect(made)
    await made.clock.advance(11_000)
    expect(await codeOf(answer)).toBe('R00')
  })

  // null, undefined: no plugin is known that says so of a wrong fulfillment, and one that has none says nothing by it.
  it('goes on waiting where the plugin gives no fulfillment and no error either', async () => {
    const made = await connected()
    const answer = made.plugin.sendData(made.prepare())
    for (const nothing of [undefined, null, '', 7, {}]) {
      made.v1.fulfillments = async () => nothing as string
      await reconnect(made)
      expect([made.handle.outgoing, made.seen]).toEqual([1, []])
    }
    made.v1.emit('outgoing_fulfill', made.v1.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
  })

  it('happens for a plugin that does not tell that it is connected, too', async () => {
    const made = await connected()
    const answer = made.plugin.sendData(made.prepare())
    await made.plugin.disconnect()
    made.v1.connect = async () => {
      made.v1.connected = true
      return null
    }
    made.v1.fulfillments = async () => PREIMAGE
    await made.plugin.connect()
    expect((await answer)[0]).toBe(13)
  })
})

// An outage that outlasts the expiry: the host has its R00, and the ledger may have executed the transfer all the same.
// Nobody asked about it, and money had moved without a trace.
describe('a transfer that expired while the ledger said nothing', () => {
  /** Such a one, and the ids that are asked for from then on. */
  async function outlasted(options?: CompatOptions): Promise<{ made: Setup; asked: string[] }> {
    const made = await connected(options)
    const answer = made.plugin.sendData(made.prepare())
    made.v1.emit('disconnect')
    await made.clock.advance(11_000)
    expect(await codeOf(answer)).toBe('R00')
    const asked: string[] = []
    made.v1.fulfillments = async (id) => {
      asked.push(id)
      throw named('MissingFulfillmentError')
    }
    return { made, asked }
  }

  it('is asked for at the next connection: that it was executed is reported, once', async () => {
    const { made } = await outlasted()
    let asked = 0
    made.v1.fulfillments = async () => {
      asked++
      return PREIMAGE
    }
    await reconnect(made)
    await reconnect(made)
    expect(made.seen).toMatchObject([{ type: 'transfer-paid-late', transferId: made.v1.last.id, amount: 100n }])
    expect(asked).toBe(1)
  })

  it('is asked for again and again while the ledger says nothing of it', async () => {
    const { made, asked } = await outlasted()
    await reconnect(made)
    made.v1.fulfillments = () => Promise.reject(new Error('socket'))
    await reconnect(made)
    made.v1.fulfillments = async () => PREIMAGE
    await reconnect(made)
    expect(asked).toHaveLength(1)
    expect(made.seen).toMatchObject([{ type: 'transfer-paid-late' }])
  })

  it('is not asked for any more once the ledger has said that nothing was paid', async () => {
    for (const name of ['AlreadyRolledBackError', 'TransferNotFoundError', 'TransferNotConditionalError']) {
      const { made, asked } = await outlasted()
      const { fulfillments } = made.v1
      made.v1.fulfillments = () => Promise.reject(named(name))
      await reconnect(made)
      made.v1.fulfillments = fulfillments
      await reconnect(made)
      expect([asked, made.seen]).toEqual([[], []])
    }
    for (const event of ['outgoing_cancel', 'outgoing_reject']) {
      const { made, asked } = await outlasted()
      made.v1.emit(event, made.v1.last)
      await reconnect(made)
      expect([asked, made.seen]).toEqual([[], []])
    }
  })

  it('is not asked for any more after a day', async () => {
    const { made, asked } = await outlasted()
    made.clock.jump(24 * 60 * 60_000)
    await reconnect(made)
    expect(asked).toEqual([])
  })

  it('is remembered though many others have had their outcome since', async () => {
    const { made } = await outlasted({ remember: 2 })
    const { id } = made.v1.last
    for (let i = 0; i < 5; i++) {
      void made.plugin.sendData(made.prepare())
      made.v1.emit('outgoing_fulfill', made.v1.last, PREIMAGE)
    }
    made.v1.fulfillments = async () => PREIMAGE
    await reconnect(made)
    expect(made.seen).toMatchObject([{ type: 'transfer-paid-late', transferId: id }])
  })

  it('is forgotten after a number of others like it', async () => {
    const { made, asked } = await outlasted({ remember: 2 })
    const first = made.v1.last.id
    for (let i = 0; i < 2; i++) void made.plugin.sendData(made.prepare())
    await made.clock.advance(11_000)
    await reconnect(made)
    expect(asked).toHaveLength(2)
    expect(asked).not.toContain(first)
  })
})

describe('with a store', () => {
  const KEY = 'ilp-wrap:compat:1:me'

  /** A process that starts over the same store. */
  async function start(store: Store, fulfillments?: (id: string) => Promise<string>): Promise<Setup> {
    const made = setup(undefined, { store, account: 'me' })
    made.v1.fulfillments = fulfillments
    await made.plugin.connect()
    await settled()
    return made
  }

  it('a transfer is written down before it is sent, and crossed out when it has its outcome', async () => {
    const store = new MemoryStore()
    const made = await start(store)
    const answer = made.plugin.sendData(made.prepare())
    expect(made.v1.sent).toHaveLength(0)
    await settled()
    const { id } = made.v1.last
    expect(JSON.parse(store.entries.get(KEY)!)).toEqual([
      { id, amount: '100', condition: CONDITION, expiresAt: made.clock.now() + 10_000 }
    ])
    made.v1.emit('outgoing_fulfill', made.v1.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
    await settled()
    expect(store.entries.get(KEY)).toBe('[]')
  })

  it('what an earlier process has left is asked for, and reported', async () => {
    const store = new MemoryStore()
    const first = await start(store)
    for (let i = 0; i < 4; i++) void first.plugin.sendData(first.prepare())
    await settled()
    const ids = first.v1.sent.map(({ transfer }) => transfer.id)
    const second = await start(store, async (id) => {
      if (id === ids[0]) return PREIMAGE
      throw named(
        ['', 'AlreadyRolledBackError', 'TransferNotConditionalError', 'MissingFulfillmentError'][ids.indexOf(id)]!
      )
    })
    const outcomes = (): unknown[] =>
      second.seen.map((event) => [
        event.type,
        (event as { transferId?: string }).transferId,
        (event as { outcome?: string }).outcome
      ])
    expect(outcomes()).toEqual([
      ['transfer-recovered', ids[0], 'fulfilled'],
      ['transfer-recovered', ids[1], 'cancelled'],
      ['transfer-recovered', ids[2], 'unknown']
    ])
    second.v1.emit('outgoing_reject', { id: ids[3] }, 'no')
    expect(outcomes()[3]).toEqual(['transfer-recovered', ids[3], 'rejected'])
    await settled()
    expect(store.entries.get(KEY)).toBe('[]')
  })

  it('a transfer that expired without a word of the ledger stays written down until there is one', async () => {
    const store = new MemoryStore()
    const made = await start(store)
    void made.plugin.sendData(made.prepare())
    await settled()
    await made.clock.advance(11_000)
    expect(JSON.parse(store.entries.get(KEY)!)).toMatchObject([{ id: made.v1.last.id }])
    const next = await start(store, async () => PREIMAGE)
    expect(next.seen).toMatchObject([
      { type: 'transfer-recovered', transferId: made.v1.last.id, outcome: 'fulfilled', amount: 100n }
    ])
    made.v1.fulfillments = async () => PREIMAGE
    await reconnect(made)
    expect(made.seen).toMatchObject([{ type: 'transfer-paid-late', transferId: made.v1.last.id }])
    expect(store.entries.get(KEY)).toBe('[]')
  })

  it('it does not stay where the plugin cannot be asked', async () => {
    const store = new MemoryStore()
    const made = await start(store)
    made.v1.getFulfillment = undefined as never
    void made.plugin.sendData(made.prepare())
    await settled()
    await made.clock.advance(11_000)
    expect(store.entries.get(KEY)).toBe('[]')
  })

  /** A store with a transfer that an earlier process has left; it has expired. */
  function leftover(): MemoryStore {
    const store = new MemoryStore()
    const expiresAt = Date.UTC(2019, 0, 1)
    store.entries.set(KEY, JSON.stringify([{ id: 'old', amount: '7', condition: CONDITION, expiresAt }]))
    return store
  }
  const unknown = { type: 'transfer-recovered', transferId: 'old', amount: 7n, outcome: 'unknown' }

  it('what has expired while nobody was there is asked for as well, and given up after a while', async () => {
    const store = leftover()
    const made = await start(store)
    expect(made.seen).toEqual([])
    await made.clock.advance(11_000)
    expect(made.seen).toMatchObject([unknown])
    // the host has been told; the ledger has said nothing yet
    expect(store.entries.get(KEY)).toContain('old')
    made.v1.fulfillments = async () => PREIMAGE
    await reconnect(made)
    expect(made.seen[1]).toMatchObject({ type: 'transfer-paid-late', transferId: 'old', amount: 7n })
    await settled()
    expect(store.entries.get(KEY)).toBe('[]')
  })

  it('what has expired and is not known to the ledger will not be executed any more', async () => {
    const made = await start(leftover(), () => Promise.reject(named('TransferNotFoundError')))
    expect(made.seen).toMatchObject([{ ...unknown, outcome: 'rejected' }])
  })

  it('what the ledger does not know before it has expired may be on its way', async () => {
    const store = leftover()
    store.entries.set(KEY, store.entries.get(KEY)!.replace(String(Date.UTC(2019, 0, 1)), String(Date.UTC(2099, 0, 1))))
    const made = await start(store, () => Promise.reject(named('TransferNotFoundError')))
    expect([made.seen, made.handle.outgoing]).toEqual([[], 1])
  })

  // The time ran from the first attempt to connect: a restart while the ledger was unreachable forgot it all unasked.
  it('what an earlier process has left is kept until a connection is up, however long that takes', async () => {
    const store = leftover()
    const made = setup(undefined, { store, account: 'me' })
    made.v1.fulfillments = async () => PREIMAGE
    made.v1.onConnect = () => Promise.reject(new Error('ECONNREFUSED'))
    for (let i = 0; i < 6; i++) {
      await expect(made.plugin.connect()).rejects.toThrow('ECONNREFUSED')
      await made.clock.advance(3_000)
    }
    expect([made.seen, made.handle.outgoing, made.v1.listening]).toEqual([[], 1, 0])
    expect(store.entries.get(KEY)).toContain('old')
    made.v1.onConnect = undefined
    await made.plugin.connect()
    await settled()
    expect(made.seen).toMatchObject([{ ...unknown, outcome: 'fulfilled' }])
    expect(store.entries.get(KEY)).toBe('[]')
  })

  it('what the plugin cannot be asked for may have its outcome for a while after the connection is up', async () => {
    const store = leftover()
    const made = setup(undefined, { store, account: 'me' })
    made.v1.getFulfillment = undefined as never
    made.v1.onConnect = () => made.clock.advance(60_000)
    await made.plugin.connect()
    expect(made.seen).toEqual([])
    await made.clock.advance(11_000)
    expect(made.seen).toMatchObject([unknown])
    expect(store.entries.get(KEY)).toBe('[]')
  })

  it('what an earlier process has left may have its outcome while the plugin connects', async () => {
    const made = setup(undefined, { store: leftover(), account: 'me' })
    made.v1.onConnect = async () => made.v1.emit('outgoing_cancel', { id: 'old' })
    await made.plugin.connect()
    expect(made.seen).toMatchObject([{ ...unknown, outcome: 'cancelled' }])
  })

  // Such a plugin had nothing recovered: `connect` had nothing to do, and what else takes it up did not read the store.
  it('it is asked for by a plugin that was connected before it was wrapped, too', async () => {
    const takeUps: ((made: Setup) => unknown)[] = [
      ({ plugin }) => plugin.connect(),
      ({ plugin }) => plugin.sendMoney('1'),
      ({ plugin }) => {
        plugin.registerMoneyHandler(async () => {})
        return plugin.connect()
      }
    ]
    for (const takeUp of takeUps) {
      const store = leftover()
      const made = setup(undefined, { store, account: 'me' })
      made.v1.fulfillments = async () => PREIMAGE
      await made.v1.connect()
      await takeUp(made)
      await settled()
      expect(made.seen).toMatchObject([{ ...unknown, outcome: 'fulfilled' }])
      expect(store.entries.get(KEY)).toBe('[]')
    }
  })

  it('it is not asked for where the plugin was disconnected while the store was read', async () => {
    const made = setup(undefined, { store: leftover(), account: 'me' })
    let asked = 0
    made.v1.fulfillments = async () => {
      asked++
      return PREIMAGE
    }
    await made.v1.connect()
    made.plugin.registerMoneyHandler(async () => {})
    await made.plugin.disconnect()
    await settled()
    expect([asked, made.handle.outgoing, made.v1.listening]).toEqual([0, 1, 0])
    await made.plugin.connect()
    await settled()
    expect([asked, made.handle.outgoing]).toEqual([1, 0])
  })

  it('that a plugin which was connected before it was wrapped cannot read the store is in the log', async () => {
    const store = new MemoryStore()
    store.entries.set(KEY, 'junk')
    const made = setup(undefined, { store, account: 'me' })
    await made.v1.connect()
    await made.plugin.sendMoney('1')
    await settled()
    expect(made.log.lines.join()).toContain(KEY)
    await expect(made.plugin.connect()).rejects.toThrow(InvalidServicesError)
  })

  it('what is there is not overwritten unread by a plugin that was connected before it was wrapped', async () => {
    const store = new MemoryStore()
    const left = { id: 'old', amount: '7', condition: CONDITION, expiresAt: 1 }
    store.entries.set(KEY, JSON.stringify([left]))
    const made = setup(undefined, { store, account: 'me' })
    await made.v1.connect()
    void made.plugin.sendData(made.prepare())
    await settled()
    expect(JSON.parse(store.entries.get(KEY)!)).toEqual([expect.objectContaining({ id: made.v1.last.id }), left])

    store.entries.set(KEY, 'junk')
    const other = setup(undefined, { store, account: 'me' })
    await other.v1.connect()
    void other.plugin.sendData(other.prepare())
    await settled()
    expect(other.v1.sent).toHaveLength(1)
    expect(other.seen).toMatchObject([{ type: 'journal-failed' }])
    expect(store.entries.get(KEY)).toBe('junk')
  })

  it('it is read once, not again at each connect', async () => {
    const store = new MemoryStore()
    const made = await start(store)
    void made.plugin.sendData(made.prepare())
    await settled()
    await made.plugin.disconnect()
    await made.plugin.connect()
    expect(made.handle.outgoing).toBe(1)
  })

  it('many transfers are written down together', async () => {
    let puts = 0
    const store = new MemoryStore()
    const slow: Store = {
      get: (key) => store.get(key),
      put: async (key, value) => {
        puts++
        await settled()
        await store.put(key, value)
      },
      del: (key) => store.del(key)
    }
    const made = await start(slow)
    for (let i = 0; i < 1_000; i++) void made.plugin.sendData(made.prepare())
    await settled()
    await settled()
    await settled()
    expect(made.v1.sent).toHaveLength(1_000)
    expect(puts).toBe(2)
    expect(JSON.parse(store.entries.get(KEY)!)).toHaveLength(1_000)
    await made.plugin.disconnect()
  })

  it('disconnect waits until all is written', async () => {
    const store = new MemoryStore()
    const written: string[] = []
    const slow: Store = {
      get: (key) => store.get(key),
      put: async (_, value) => {
        await settled()
        written.push(value)
      },
      del: (key) => store.del(key)
    }
    const made = await start(slow)
    void made.plugin.sendData(made.prepare())
    await settled()
    await settled()
    made.v1.emit('outgoing_fulfill', made.v1.last, PREIMAGE)
    void made.plugin.sendData(made.prepare())
    await made.plugin.disconnect()
    expect(JSON.parse(written.at(-1)!)).toHaveLength(1)
  })

  it('disconnect does not wait for ever for a store that hangs', async () => {
    const store: Store = { get: async () => undefined, put: () => new Promise(() => {}), del: async () => {} }
    const made = await start(store)
    const answer = made.plugin.sendData(made.prepare())
    let done = false
    const disconnected = made.plugin.disconnect().then(() => (done = true))
    await made.clock.advance(4_000)
    expect(done).toBe(false)
    await made.clock.advance(1_000)
    await disconnected
    expect(made.log.lines.join()).toContain('store')
    await made.clock.advance(10_000)
    expect(await codeOf(answer)).toBe('R00')
    expect(made.clock.pending).toBe(0)
  })

  it('a value that is read late, after another attempt has read it, brings nothing back', async () => {
    const store = new MemoryStore()
    const left = JSON.stringify([{ id: 'old', amount: '7', condition: CONDITION, expiresAt: 1 }])
    const reads: ((value: string) => void)[] = []
    const slow: Store = {
      get: () => new Promise((resolve) => reads.push(resolve)),
      put: (key, value) => store.put(key, value),
      del: (key) => store.del(key)
    }
    const made = setup(undefined, { store: slow, account: 'me' })
    made.v1.fulfillments = async () => PREIMAGE
    const attempt = made.plugin.connect().catch((error: unknown) => error)
    await made.plugin.disconnect()
    await attempt
    const next = made.plugin.connect()
    reads[1]!(left)
    await next
    await settled()
    reads[0]!(left)
    await settled()
    void made.plugin.sendData(made.prepare())
    await settled()
    expect(store.entries.get(KEY)).not.toContain('old')
  })

  it('a transfer that expires while it is written down is not sent', async () => {
    let written: () => void = () => {}
    const store: Store = {
      get: async () => undefined,
      put: () => new Promise((resolve) => (written = resolve)),
      del: async () => {}
    }
    const made = await start(store)
    const answer = made.plugin.sendData(made.prepare())
    await made.clock.advance(11_000)
    expect(await codeOf(answer)).toBe('R00')
    written()
    await settled()
    expect(made.v1.sent).toHaveLength(0)
  })

  it('a store that fails does not stop transfers: it is reported, and tried again with the next', async () => {
    let failing = true
    const store = new MemoryStore()
    const error = new Error('disk full')
    const flaky: Store = {
      get: (key) => store.get(key),
      put: async (key, value) => {
        if (failing) throw error
        await store.put(key, value)
      },
      del: (key) => store.del(key)
    }
    const made = await start(flaky)
    void made.plugin.sendData(made.prepare())
    await settled()
    expect(made.v1.sent).toHaveLength(1)
    expect(made.seen).toMatchObject([{ type: 'journal-failed', error }])
    failing = false
    void made.plugin.sendData(made.prepare())
    await settled()
    expect(JSON.parse(store.entries.get(KEY)!)).toHaveLength(2)
  })

  it('whose value is not ours, or cannot be read, connect rejects and the plugin stays unconnected', async () => {
    const values = ['junk', '{}', '[1]', '[null]', '[{"id":"a","amount":"1","condition":"c"}]', '[{"id":"a"}]']
    for (const value of values) {
      const store = new MemoryStore()
      store.entries.set(KEY, value)
      const made = setup(undefined, { store, account: 'me' })
      await expect(made.plugin.connect()).rejects.toThrow(InvalidServicesError)
      expect([made.plugin.isConnected(), made.v1.connects, made.v1.listening]).toEqual([false, 0, 0])
    }
    const failing: Store = {
      get: () => Promise.reject(new Error('no disk')),
      put: async () => {},
      del: async () => {}
    }
    const made = setup(undefined, { store: failing, account: 'me' })
    await expect(made.plugin.connect()).rejects.toMatchObject({ code: 'ILP_WRAP_CORRUPT_STORE' })
  })

  it('that says in the way of LevelUP that it has nothing is empty', async () => {
    const store: Store = {
      get: () => Promise.reject(Object.assign(new Error('NotFound'), { notFound: true })),
      put: async () => {},
      del: async () => {}
    }
    const made = await start(store)
    expect(made.plugin.isConnected()).toBe(true)
  })

  it('and no account nothing is kept, since another plugin might share the store: the log says so', async () => {
    const store = new MemoryStore()
    const made = await connected(undefined, { store })
    void made.plugin.sendData(made.prepare())
    await settled()
    expect(store.entries.size).toBe(0)
    expect(made.log.lines.join()).toContain('account')
  })

  it('nothing is kept where that is not wanted', async () => {
    const store = new MemoryStore()
    const made = await connected({ recovery: false }, { store, account: 'me' })
    void made.plugin.sendData(made.prepare())
    await settled()
    expect(store.entries.size).toBe(0)
  })
})

it('a fulfillment that came while the plugin was offline is found afterwards', async () => {
  const clock = testClock()
  const { alice, bob } = legacyPair({ clock })
  const [a, b] = [wrap(alice, [compat()], { clock }), wrap(bob, [compat()], { clock })]
  await Promise.all([a.connect(), b.connect()])
  b.registerDataHandler(async () => {
    alice.lose()
    return fulfill()
  })
  const answer = a.sendData(prepare({ destination: 'test.legacy.bob', expiresAt: clock.now() + 5_000 }))
  await settled()
  await alice.connect()
  expect((await answer)[0]).toBe(13)
})
