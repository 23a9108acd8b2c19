import { MoneyNotSentError, wrap } from '@ilp-wrap/core'
import { describe, expect, it } from 'vitest'
import { balance, balanceOf } from '../src/index.js'
import { SettlingPlugin, deferred, setup } from './setup.js'

describe('outgoing money', () => {
  it('is booked before it is sent', async () => {
    const { plugin, peer, books } = setup()
    const sent = plugin.sendMoney('5')
    expect(await books()).toEqual([5n, 0n, 0n])
    ;(await peer.payment()).accept()
    await expect(sent).resolves.toBeUndefined()
    expect(await books()).toEqual([5n, 0n, 0n])
  })

  it('is sent once, as the same string', async () => {
    const { plugin, peer } = setup()
    const amount = `1${'0'.repeat(30)}`
    void plugin.sendMoney(amount)
    expect((await peer.payment()).amount).toBe(amount)
    expect(peer.payments.size).toBe(0)
  })

  it('is never checked against the bounds', async () => {
    const { plugin, peer, books } = setup({ maximum: 0n })
    peer.onMoney = async () => {}
    await plugin.sendMoney('1000')
    expect(await books()).toEqual([1000n, 0n, 0n])
  })

  it.each([
    ['a MoneyNotSentError', new MoneyNotSentError('no channel')],
    ['the BTP Error of the peer', new Error('{"code":"F00","name":"NotAcceptedError"}')]
  ])('is taken back after %s', async (_what, error) => {
    const { plugin, peer, books, handle, told } = setup()
    const sent = plugin.sendMoney('5')
    ;(await peer.payment()).refuse(error)
    await expect(sent).rejects.toBe(error)
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(await handle.snapshot()).toMatchObject({ suspended: [] })
    expect(told('balance-changed')).toEqual([{ balance: 5n }, { balance: 0n }])
  })

  it.each([
    ['an error', new Error('17 timed out')],
    ['undefined', undefined]
  ])('stays booked, and is suspended, after %s that proves nothing', async (_what, error) => {
    const { plugin, peer, books, handle, told, log } = setup()
    const sent = plugin.sendMoney('5')
    ;(await peer.payment()).refuse(error)
    await expect(sent.catch((thrown: unknown) => Promise.reject([thrown]))).rejects.toEqual([error])
    expect(await books()).toEqual([5n, 0n, 0n])
    const { suspended } = await handle.snapshot()
    expect(suspended).toEqual([{ id: expect.any(String) as string, amount: 5n }])
    expect(told('settlement-suspended')).toEqual(suspended)
    expect(log.lines).toEqual([
      `error: it is unknown whether 5 units arrived, settlement waits for resolve() of ${suspended[0]!.id}`
    ])
  })

  it.each([undefined, null, 5, 5n, '', '-1', '1.5', '1e3', ' 1', '1 ', '01', 'NaN', '0x5', '٥'])(
    'is refused before it is booked when its amount is %o',
    async (amount) => {
      const { plugin, peer, books } = setup()
      await expect(plugin.sendMoney(amount as string)).rejects.toThrow(
        expect.objectContaining({ name: 'InvalidFieldsError', code: 'ILP_WRAP_INVALID_AMOUNT' }) as Error
      )
      expect(peer.payments.size).toBe(0)
      expect(await books()).toEqual([0n, 0n, 0n])
    }
  )

  it('of nothing goes to the plugin, into no books', async () => {
    const { plugin, peer, seen } = setup()
    const sent = plugin.sendMoney('0')
    ;(await peer.payment()).refuse(new Error('nothing to send'))
    await expect(sent).rejects.toThrow('nothing to send')
    expect(seen).toEqual([])
  })
})

describe('incoming money', () => {
  it('is booked after the host took it', async () => {
    const taken = deferred<undefined>()
    const { peer, books } = setup({ onMoney: () => taken.promise })
    const given = peer.sendMoney('5')
    expect(await books()).toEqual([0n, 0n, 0n])
    taken.resolve(undefined)
    await given
    expect(await books()).toEqual([-5n, 0n, 0n])
  })

  it('is never checked against the bounds', async () => {
    const { peer, books } = setup({ minimum: 0n, onMoney: async () => {} })
    await peer.sendMoney('5')
    expect(await books()).toEqual([-5n, 0n, 0n])
  })

  it.each([new Error('no'), undefined])(
    'is not booked when the host throws %o, which reaches the plugin',
    async (error) => {
      const { peer, books, told } = setup({ onMoney: () => Promise.reject(error) })
      await expect(peer.sendMoney('5').catch((thrown: unknown) => Promise.reject([thrown]))).rejects.toEqual([error])
      expect(await books()).toEqual([0n, 0n, 0n])
      expect(told('money-unbooked')).toEqual([{ amount: '5', reason: 'handler-failed', error }])
    }
  )

  it('is booked before the host has it, and stays booked when the host throws, where money is final', async () => {
    const error = new Error('no')
    const seen: bigint[] = []
    const { peer, books, handle, told } = setup({
      moneyIsFinal: true,
      onMoney: async () => {
        seen.push((await handle.snapshot()).committed)
        throw error
      }
    })
    await expect(peer.sendMoney('5')).rejects.toBe(error)
    expect(seen).toEqual([-5n])
    expect(await books()).toEqual([-5n, 0n, 0n])
    expect(told('money-unbooked')).toEqual([])
  })

  it('is final by itself over a plugin whose transfers settle', async () => {
    const settling = new SettlingPlugin()
    const { peer } = settling
    const wrapped = wrap(settling, [balance({ maximum: 1n })])
    wrapped.registerMoneyHandler(() => Promise.reject(new Error('no')))
    await expect(peer.sendMoney('5')).rejects.toThrow('no')
    expect(await balanceOf(wrapped).snapshot()).toMatchObject({ committed: -5n })
  })

  it('goes to the host, but into no books, when the plugin gives no amount', async () => {
    const given: unknown[] = []
    const { peer, books, told } = setup({
      onMoney: async (amount) => {
        given.push(amount)
      }
    })
    for (const amount of ['-5', '1.5', undefined]) await peer.sendMoney(amount as string)
    await peer.sendMoney('0')
    expect(given).toEqual(['-5', '1.5', undefined, '0'])
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('money-unbooked')).toEqual(
      ['-5', '1.5', undefined].map((amount) => ({ amount, reason: 'invalid-amount', error: undefined }))
    )
  })
})
