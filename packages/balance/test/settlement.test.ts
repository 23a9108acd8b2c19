import { MoneyNotSentError } from '@ilp-wrap/core'
import { fulfill, mockPair, prepare, testClock } from '@ilp-wrap/testing'
import { unwrap, wrap } from '@ilp-wrap/core'
import fc from 'fast-check'
import { Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { balance, balanceOf } from '../src/index.js'
import { amountDue, settlements } from '../src/settlement.js'
import type { Look } from '../src/settlement.js'
import { deferred, setup } from './setup.js'
import type { Fixture, SetupOptions } from './setup.js'

/** A plugin that settles below −10, and a peer that fulfills all packets. */
function settling(options: SetupOptions = {}): Fixture & { owe: (amount: number) => Promise<void>; paid: string[] } {
  const fixture = setup({ settleThreshold: -10n, ...options })
  const { plugin, peer, packet } = fixture
  const paid: string[] = []
  peer.onData = async () => fulfill()
  peer.onMoney = async (amount) => {
    paid.push(amount)
  }
  return {
    ...fixture,
    paid,
    owe: async (amount) => {
      await plugin.sendData(packet(amount))
    }
  }
}

describe('amountDue', () => {
  it('pays below the threshold alone, leads to the target, and never pays less than the smallest payment', () => {
    const amounts = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n })
    fc.assert(
      fc.property(
        amounts,
        amounts,
        amounts,
        fc.bigInt({ min: 1n, max: 2n ** 65n }),
        (threshold, target, present, smallest) => {
          const due = amountDue({ threshold, target, smallest }, present)
          if (due === 0n) expect(present >= threshold || target - present < smallest).toBe(true)
          else expect([present < threshold, present + due, due >= smallest]).toEqual([true, target, true])
        }
      )
    )
  })
})

describe('settlement', () => {
  it('pays up to settleTo once the balance is below the threshold', async () => {
    const { owe, paid, books, clock, told } = settling({ settleTo: 5n })
    await owe(10)
    await clock.advance(5_000)
    expect(paid).toEqual([])
    await owe(1)
    await clock.advance(1)
    expect(paid).toEqual(['16'])
    expect(await books()).toEqual([5n, 0n, 0n])
    expect(told('settlement-sent')).toEqual([{ amount: 16n }])
  })

  it('is not in the path of a packet: it starts on a timer', async () => {
    const { owe, paid, clock } = settling()
    await owe(11)
    // not even after all promises have run
    await clock.advance(0)
    expect(paid).toEqual([])
    await clock.advance(1)
    expect(paid).toEqual(['11'])
  })

  it('pays no more than is committed: what is held may be rejected', async () => {
    const { owe, plugin, peer, packet, paid, clock } = settling()
    await owe(11)
    peer.onData = undefined
    void plugin.sendData(packet(100))
    await clock.advance(1)
    expect(paid).toEqual(['11'])
  })

  it('pays for many packets at once, and what came meanwhile after the cooldown', async () => {
    const { owe, paid, clock } = settling({ cooldownMs: 1_000 })
    await Promise.all([owe(4), owe(5), owe(6)])
    await clock.advance(1)
    expect(paid).toEqual(['15'])
    await Promise.all([owe(20), owe(30)])
    await clock.advance(998)
    expect(paid).toEqual(['15'])
    await clock.advance(2)
    expect(paid).toEqual(['15', '50'])
  })

  it('makes one payment at a time', async () => {
    const { owe, peer, books, clock } = settling()
    peer.onMoney = undefined
    await owe(11)
    await clock.advance(1)
    const first = await peer.payment()
    await owe(100)
    await clock.advance(10_000)
    expect(peer.payments.size).toBe(0)
    expect(await books()).toEqual([-100n, 0n, 0n])
    first.accept()
    await clock.advance(1_001)
    expect((await peer.payment()).amount).toBe('100')
  })

  it('makes no payment smaller than the smallest', async () => {
    const { owe, paid, clock } = settling({ minimumSettlement: 20n })
    await owe(19)
    await clock.advance(5_000)
    expect(paid).toEqual([])
    await owe(1)
    await clock.advance(1)
    expect(paid).toEqual(['20'])
  })

  it('tries again after the cooldown when nothing was sent, with the amount of then', async () => {
    const { owe, peer, paid, books, clock, told } = settling({ cooldownMs: 1_000 })
    const error = new MoneyNotSentError('no channel')
    const { onMoney } = peer
    peer.onMoney = () => Promise.reject(error)
    await owe(11)
    await clock.advance(1)
    expect(await books()).toEqual([-11n, 0n, 0n])
    expect(told('settlement-failed')).toEqual([{ amount: 11n, outcome: 'not-sent', error }])
    await owe(1)
    peer.onMoney = onMoney
    await clock.advance(998)
    expect(paid).toEqual([])
    await clock.advance(2)
    expect(paid).toEqual(['12'])
  })

  it('is suspended by a payment with an unknown outcome, and goes on when that is resolved', async () => {
    const { owe, peer, paid, books, handle, clock, told } = settling()
    const { onMoney } = peer
    peer.onMoney = () => Promise.reject(new Error('17 timed out'))
    await owe(11)
    await clock.advance(1)
    expect(told('settlement-failed')).toMatchObject([{ amount: 11n, outcome: 'ambiguous' }])
    expect(await books()).toEqual([0n, 0n, 0n])
    peer.onMoney = onMoney
    await owe(50)
    await clock.advance(10_000)
    expect(paid).toEqual([])
    expect(await handle.resolve('sent')).toMatchObject([{ amount: 11n }])
    await clock.advance(1_001)
    expect(paid).toEqual(['50'])
    expect(await books()).toEqual([0n, 0n, 0n])
  })

  it('pays again what was resolved as not sent', async () => {
    const { owe, peer, paid, handle, clock } = settling()
    const { onMoney } = peer
    peer.onMoney = () => Promise.reject(new Error('17 timed out'))
    await owe(11)
    await clock.advance(1)
    peer.onMoney = onMoney
    await handle.resolve('not-sent')
    await clock.advance(1_001)
    expect(paid).toEqual(['11'])
  })

  it('is suspended by money of the host with an unknown outcome, too', async () => {
    const { owe, plugin, peer, paid, clock } = settling()
    const { onMoney } = peer
    peer.onMoney = () => Promise.reject(new Error('17 timed out'))
    await expect(plugin.sendMoney('1')).rejects.toThrow('timed out')
    peer.onMoney = onMoney
    await owe(50)
    await clock.advance(10_000)
    expect(paid).toEqual([])
  })

  it('counts money that the host sends meanwhile', async () => {
    const { owe, plugin, paid, clock } = settling()
    await owe(11)
    await plugin.sendMoney('11')
    await clock.advance(5_000)
    expect(paid).toEqual(['11'])
  })

  it('looks when the plugin connects', async () => {
    const { handle, plugin, paid, clock } = settling()
    await plugin.disconnect()
    await handle.adjust(-11n, 'opening balance')
    await clock.advance(10_000)
    expect(paid).toEqual([])
    await plugin.connect()
    await clock.advance(1)
    expect(paid).toEqual(['11'])
  })

  it('looks when the plugin reconnects by itself', async () => {
    const { handle, peer, paid, clock } = settling()
    peer.lose()
    await handle.adjust(-11n, 'opening balance')
    await clock.advance(60_000)
    expect(paid).toEqual([])
    peer.restore()
    await clock.advance(1)
    expect(paid).toEqual(['11'])
  })

  it('looks at each connect, and still pays once', async () => {
    const { owe, plugin, paid, clock } = settling()
    await plugin.connect()
    await owe(11)
    await plugin.connect()
    await clock.advance(10_000)
    expect(paid).toEqual(['11'])
  })

  it('does not look when connecting fails', async () => {
    const { handle, plugin, peer, paid, clock } = settling()
    await plugin.disconnect()
    await handle.adjust(-11n, 'opening balance')
    peer.onConnect = () => Promise.reject(new Error('refused'))
    await expect(plugin.connect()).rejects.toThrow('refused')
    await clock.advance(10_000)
    expect(paid).toEqual([])
  })

  it('pays while the plugin says that it is away, if packets prove that it is not', async () => {
    const { owe, inner, paid, clock } = settling({ cooldownMs: 1_000 })
    await owe(11)
    await clock.advance(1)
    expect(paid).toEqual(['11'])
    // ilp-plugin-btp's listener says that it is not connected while packets flow
    inner.isConnected = () => false
    await owe(20)
    await clock.advance(1_000)
    expect(paid).toEqual(['11', '20'])
  })

  it('pays nothing while the plugin is away, and goes on when it is back', async () => {
    const { owe, peer, paid, clock, told } = settling({ cooldownMs: 1_000 })
    const { onMoney } = peer
    peer.onMoney = () => Promise.reject(new MoneyNotSentError('no channel'))
    await owe(11)
    await clock.advance(1)
    peer.onMoney = onMoney
    peer.lose()
    await clock.advance(5_000)
    expect(told('settlement-failed')).toHaveLength(1)
    expect(clock.pending).toBe(0)
    peer.restore()
    await clock.advance(1)
    expect(paid).toEqual(['11'])
  })

  it('takes a plugin for away that throws when it is asked, and goes on when it answers', async () => {
    // it was an uncaught exception, and the end of settlement
    const { inner, handle, paid, clock, log } = settling()
    const isConnected = inner.isConnected.bind(inner)
    inner.isConnected = () => {
      throw new TypeError('no socket')
    }
    await handle.adjust(-11n, 'first')
    await clock.advance(1)
    expect(paid).toEqual([])
    expect(log.lines).toEqual(['error: the plugin failed to say whether it is connected: no socket'])
    inner.isConnected = isConnected
    await handle.adjust(-1n, 'second')
    await clock.advance(1)
    expect(paid).toEqual(['12'])
  })

  it('outlasts a look that fails', async () => {
    const clock = testClock()
    const balances = new Subject<bigint>()
    const found: Look[] = []
    let looks = 0
    const look = (): Promise<Look> => (looks++ === 0 ? Promise.reject(new Error('no')) : Promise.resolve('nothing'))
    settlements(balances, 0n, 1000, clock, look).subscribe((each) => found.push(each))
    for (let count = 0; count < 2; count++) {
      balances.next(-1n)
      await clock.advance(1)
    }
    expect(found).toEqual(['away', 'nothing'])
  })

  it('stops at a disconnect by the host, and leaves no timer', async () => {
    const { owe, plugin, paid, clock } = settling()
    await owe(11)
    await clock.advance(1)
    await owe(11)
    await plugin.disconnect()
    await clock.advance(60_000)
    expect(paid).toEqual(['11'])
    expect(clock.pending).toBe(0)
  })

  it('does not start when the host disconnects while it connects', async () => {
    const { handle, plugin, peer, paid, clock } = settling()
    await plugin.disconnect()
    await handle.adjust(-11n, 'opening balance')
    const connected = deferred<undefined>()
    peer.onConnect = () => connected.promise
    const connecting = plugin.connect()
    await plugin.disconnect()
    connected.resolve(undefined)
    await connecting
    await clock.advance(5_000)
    expect(paid).toEqual([])
  })

  it('stops when the plugin has failed', async () => {
    const { owe, plugin, peer, paid, clock } = settling()
    plugin.on('error', () => {})
    peer.fail(new Error('broken'))
    await owe(11)
    await clock.advance(5_000)
    expect(paid).toEqual([])
  })

  it('stops when the stack is taken apart', async () => {
    const { owe, plugin, paid, clock } = settling()
    await owe(11)
    unwrap(plugin)
    await clock.advance(5_000)
    expect(paid).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('goes on with a payment that was under way at a disconnect', async () => {
    const { owe, plugin, peer, books, clock } = settling()
    peer.onMoney = undefined
    await owe(11)
    await clock.advance(1)
    const payment = await peer.payment()
    await plugin.disconnect()
    payment.accept()
    await clock.advance(0)
    expect(await books()).toEqual([0n, 0n, 0n])
  })

  it('keeps no process alive while it waits', async () => {
    const { owe, clock } = settling()
    await owe(11)
    await clock.advance(1)
    expect(clock.keepingAlive).toBe(0)
  })

  it('waits at most once for a peer that is told of its packets one by one', async () => {
    const { owe, paid, clock } = settling({ cooldownMs: 1_000 })
    for (let i = 0; i < 100; i++) {
      await owe(11)
      await clock.advance(100)
    }
    await clock.advance(2_000)
    expect(paid.length).toBeLessThanOrEqual(12)
    expect(paid.reduce((sum, amount) => sum + Number(amount), 0)).toBe(1_100)
  })
})

describe('settle()', () => {
  it('pays up to settleTo whatever the threshold, and gives the amount', async () => {
    const { owe, handle, paid, books, told } = settling()
    await owe(3)
    expect(await handle.settle()).toBe(3n)
    expect(await handle.settle()).toBe(0n)
    expect(paid).toEqual(['3'])
    expect(await books()).toEqual([0n, 0n, 0n])
    expect(told('settlement-sent')).toEqual([{ amount: 3n }])
  })

  it('works without a threshold', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    const clock = testClock()
    const wrapped = wrap(plugin, [balance({ maximum: 10n, settleTo: 4n })], { clock })
    peer.onMoney = async () => {}
    expect(await balanceOf(wrapped).settle()).toBe(4n)
    expect(clock.pending).toBe(0)
  })

  it('waits for a payment that is under way, and pays no amount twice', async () => {
    const { owe, peer, handle, books, clock } = settling()
    peer.onMoney = undefined
    await owe(11)
    await clock.advance(1)
    const first = await peer.payment()
    await owe(4)
    const settled = [handle.settle(), handle.settle()]
    await clock.advance(0)
    expect(peer.payments.size).toBe(0)
    first.accept()
    const second = await peer.payment()
    expect(second.amount).toBe('4')
    second.accept()
    expect(await Promise.all(settled)).toEqual([4n, 0n])
    expect(await books()).toEqual([0n, 0n, 0n])
  })

  it.each([new MoneyNotSentError('no channel'), new Error('timed out'), undefined])(
    'rejects with what the payment threw: %o',
    async (error) => {
      const { owe, peer, handle, told } = settling()
      peer.onMoney = () => Promise.reject(error)
      await owe(3)
      await expect(handle.settle().catch((thrown: unknown) => Promise.reject([thrown]))).rejects.toEqual([error])
      expect(told('settlement-failed')).toHaveLength(1)
    }
  )

  it('rejects while settlement is suspended', async () => {
    const { owe, peer, handle, paid } = settling()
    const { onMoney } = peer
    peer.onMoney = () => Promise.reject(new Error('timed out'))
    await owe(3)
    await expect(handle.settle()).rejects.toThrow('timed out')
    peer.onMoney = onMoney
    await owe(3)
    await expect(handle.settle()).rejects.toThrow(
      expect.objectContaining({ code: 'ILP_WRAP_SETTLEMENT_SUSPENDED' }) as Error
    )
    expect(paid).toEqual([])
  })

  it('goes on after a plugin that throws at once', async () => {
    const { owe, peer, handle } = settling()
    let broken = true
    peer.onMoney = () => {
      if (broken) throw new MoneyNotSentError('at once')
      return Promise.resolve()
    }
    await owe(3)
    await expect(handle.settle()).rejects.toThrow('at once')
    broken = false
    expect(await handle.settle()).toBe(3n)
  })

  it('builds no event while nobody observes', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    const clock = testClock()
    const wrapped = wrap(plugin, [balance({ maximum: 10n })], { clock })
    const handle = balanceOf(wrapped)
    peer.onData = async () => fulfill()
    peer.onMoney = async () => {}
    await wrapped.sendData(prepare({ amount: 3, expiresAt: clock.now() + 1_000 }))
    expect(await handle.settle()).toBe(3n)
    await handle.adjust(-3n, 'by hand')
    peer.onMoney = () => Promise.reject(new Error('timed out'))
    await expect(handle.settle()).rejects.toThrow('timed out')
    await handle.resolve('not-sent')
    handle.setLimits({ maximum: 5n })
    wrapped.registerMoneyHandler(() => Promise.reject(new Error('no')))
    await expect(peer.sendMoney('1')).rejects.toThrow('no')
    expect(await handle.snapshot()).toMatchObject({ committed: -3n, limits: { maximum: 5n } })
  })
})
