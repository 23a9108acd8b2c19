import { describe, expect, it } from 'vitest'
import { balance, balanceOf } from '@ilp-wrap/balance'
import { compat } from '@ilp-wrap/compat'
import { describe as stackOf, wrap } from '@ilp-wrap/core'
import type { Middleware } from '@ilp-wrap/core'
import { logging } from '@ilp-wrap/logging'
import { retry } from '@ilp-wrap/retry'
import { fulfill, legacyPair, prepare } from '@ilp-wrap/testing'

describe('a v1 plugin under other middleware', () => {
  it('is refused a settlement that its transfers have made already', () => {
    const { alice } = legacyPair()
    const settling = balance({ maximum: 1000n, settleThreshold: -100n, settleTo: 0n })
    expect(() => wrap(alice, [compat(), settling])).toThrow(expect.objectContaining({ code: 'ILP_WRAP_SETTLES_TWICE' }))
  })

  it('is settled by sendMoney where its transfers are promises', async () => {
    const { alice, bob } = legacyPair()
    const stack = (settleThreshold?: bigint): Middleware[] => [
      retry(),
      balance({ maximum: 1000n, ...(settleThreshold !== undefined && { settleThreshold, settleTo: 0n }) }),
      logging()
    ]
    const [a, b] = [
      wrap(alice, [compat({ transfers: 'iou' }), ...stack(-250n)]),
      wrap(bob, [compat({ transfers: 'iou' }), ...stack()])
    ]
    expect(stackOf(a).warnings).toEqual([])
    await Promise.all([a.connect(), b.connect()])
    b.registerDataHandler(async () => fulfill())
    b.registerMoneyHandler(async () => {})
    for (let i = 0; i < 3; i++) {
      const packet = prepare({ amount: 100, destination: 'test.legacy.bob.x', expiresAt: Date.now() + 10_000 })
      expect((await a.sendData(packet))[0]).toBe(13)
    }
    await expect.poll(async () => (await balanceOf(a).snapshot()).committed).toBe(0n)
    await expect.poll(async () => (await balanceOf(b).snapshot()).committed).toBe(0n)
    await Promise.all([a.disconnect(), b.disconnect()])
  })
})
