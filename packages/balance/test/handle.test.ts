import { InvalidFieldsError, unwrap } from '@ilp-wrap/core'
import { rejectCode } from '@ilp-wrap/core/packet'
import { fulfill } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { deferred, setup } from './setup.js'

describe('snapshot()', () => {
  it('shows balance, holds, suspended money and limits, at once with a ledger in memory', async () => {
    const { plugin, peer, packet, handle } = setup({ minimum: -50n, onData: () => deferred<Buffer>().promise })
    void plugin.sendData(packet(7))
    void peer.sendData(packet(5))
    const sent = plugin.sendMoney('3')
    ;(await peer.payment()).refuse(new Error('timed out'))
    await expect(sent).rejects.toThrow('timed out')
    expect(handle.snapshot()).toEqual({
      committed: 3n,
      holdsIn: 5n,
      holdsOut: 7n,
      suspended: [{ id: expect.any(String) as string, amount: 3n }],
      limits: { maximum: 1000n, minimum: -50n }
    })
  })
})

describe('balance$', () => {
  it('gives the present balance first, then each change, to each who subscribes', async () => {
    const { plugin, peer, packet, handle } = setup()
    peer.onData = async () => fulfill()
    const first: bigint[] = []
    const second: bigint[] = []
    await plugin.sendData(packet(1))
    handle.balance$.subscribe((balance) => first.push(balance))
    await plugin.sendData(packet(2))
    handle.balance$.subscribe((balance) => second.push(balance))
    await plugin.sendData(packet(4))
    expect(first).toEqual([-1n, -3n, -7n])
    expect(second).toEqual([-3n, -7n])
  })

  it('tells of no change that is none', async () => {
    const { plugin, peer, packet, handle } = setup()
    const seen: bigint[] = []
    handle.balance$.subscribe((balance) => seen.push(balance))
    const answer = plugin.sendData(packet(7))
    ;(await peer.request()).reject('T00')
    await answer
    await handle.resolve('sent')
    expect(seen).toEqual([0n])
  })

  it('tells no more to who has unsubscribed, and ends with the stack', async () => {
    const { plugin, handle } = setup()
    const seen: bigint[] = []
    const subscription = handle.balance$.subscribe((balance) => seen.push(balance))
    subscription.unsubscribe()
    await handle.adjust(1n, 'a')
    let ended = false
    handle.balance$.subscribe({ complete: () => (ended = true) })
    unwrap(plugin)
    expect([seen, ended]).toEqual([[0n], true])
  })

  it('survives an observer that throws, which is logged', async () => {
    const { handle, log, books } = setup()
    handle.balance$.subscribe(() => {
      throw new Error('observer')
    })
    await handle.adjust(1n, 'a')
    expect(await books()).toEqual([1n, 0n, 0n])
    expect(log.lines).toEqual(Array(2).fill('error: an observer of the balance threw: observer'))
  })

  it('logs no more than the type of what is no error', () => {
    const { handle, log } = setup()
    handle.balance$.subscribe(() => {
      throw 'a secret'
    })
    expect(log.lines).toEqual(['error: an observer of the balance threw: string'])
  })
})

describe('adjust()', () => {
  it('corrects the balance by either sign, once per id', async () => {
    const { handle, books, told } = setup({ maximum: 0n })
    await handle.adjust(10n, 'opening balance')
    await handle.adjust(10n, 'opening balance')
    await handle.adjust('-3', 'correction')
    await handle.adjust(1, 'another')
    expect(await books()).toEqual([8n, 0n, 0n])
    expect(told('balance-changed').at(-1)).toEqual({ balance: 8n })
  })

  it('refuses what is no amount, and a name that is none', async () => {
    const { handle } = setup()
    await expect(handle.adjust('ten', 'a')).rejects.toThrow('Expected `amount` to be a bigint')
    await expect(handle.adjust(1n, '')).rejects.toThrow('Expected `id` to be a name that no other adjustment has')
    await expect(handle.adjust(1n, 1 as unknown as string)).rejects.toThrow('Expected `id` to be a string')
  })
})

describe('resolve()', () => {
  const suspended = async (): Promise<ReturnType<typeof setup> & { ids: string[] }> => {
    const fixture = setup()
    fixture.peer.onMoney = () => Promise.reject(new Error('timed out'))
    for (const amount of ['3', '4']) await fixture.plugin.sendMoney(amount).catch(() => undefined)
    return { ...fixture, ids: (await fixture.handle.snapshot()).suspended.map(({ id }) => id) }
  }

  it('resolves one payment by its id', async () => {
    const { handle, books, told, ids } = await suspended()
    expect(await handle.resolve('not-sent', ids[0])).toEqual([{ id: ids[0], amount: 3n }])
    expect(await books()).toEqual([4n, 0n, 0n])
    expect(await handle.snapshot()).toMatchObject({ suspended: [{ id: ids[1], amount: 4n }] })
    expect(told('settlement-resolved')).toEqual([{ id: ids[0], outcome: 'not-sent' }])
  })

  it('resolves all without an id', async () => {
    const { handle, books, ids } = await suspended()
    expect((await handle.resolve('sent')).map(({ id }) => id)).toEqual(ids)
    expect(await books()).toEqual([7n, 0n, 0n])
    expect(await handle.snapshot()).toMatchObject({ suspended: [] })
  })

  it('does nothing for what is not suspended, so that it may be repeated', async () => {
    const { handle, books, ids } = await suspended()
    await handle.resolve('not-sent', ids[0])
    expect(await handle.resolve('not-sent', ids[0])).toEqual([])
    expect(await handle.resolve('sent', 'unknown')).toEqual([])
    expect(await books()).toEqual([4n, 0n, 0n])
  })

  it('refuses an outcome that is none', async () => {
    const { handle } = setup()
    await expect(handle.resolve('perhaps' as 'sent')).rejects.toThrow("Expected `outcome` to be 'sent' or 'not-sent'")
  })
})

describe('setLimits()', () => {
  it('changes the limits from the next packet on', async () => {
    const { peer, packet, handle, told } = setup({ maximum: 10n, onData: async () => fulfill() })
    await peer.sendData(packet(10))
    handle.setLimits({ maximum: 15n })
    expect(rejectCode(await peer.sendData(packet(6)))).toBe('T04')
    expect(rejectCode(await peer.sendData(packet(5)))).toBeUndefined()
    expect(told('limits-changed')).toEqual([{ maximum: 15n, minimum: undefined }])
  })

  it('leaves alone what it is not given, and takes bounds away', async () => {
    const { handle } = setup({ maximum: 10n, minimum: -10n })
    handle.setLimits({ minimum: -20n })
    expect(await handle.snapshot()).toMatchObject({ limits: { maximum: 10n, minimum: -20n } })
    handle.setLimits({ maximum: Infinity, minimum: -Infinity })
    expect(await handle.snapshot()).toMatchObject({ limits: { maximum: undefined, minimum: undefined } })
  })

  it('refuses limits under which settlement could not work, and keeps the old ones', async () => {
    const { handle } = setup({ minimum: -50n, settleThreshold: -10n })
    expect(() => handle.setLimits({ minimum: -10n })).toThrow(InvalidFieldsError)
    expect(() => handle.setLimits({ max: 1n } as object)).toThrow('Unknown option `max`')
    expect(await handle.snapshot()).toMatchObject({ limits: { minimum: -50n } })
  })

  it('concerns one plugin, not others with the same options', async () => {
    const options = { maximum: 10n }
    const one = setup(options)
    const two = setup(options)
    one.handle.setLimits({ maximum: 20n })
    expect(await two.handle.snapshot()).toMatchObject({ limits: { maximum: 10n } })
  })
})
