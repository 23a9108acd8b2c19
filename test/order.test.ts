import { balance, balanceOf } from '@ilp-wrap/balance'
import { describe as describeStack, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginV2 } from '@ilp-wrap/core'
import { isFulfill, rejectCode } from '@ilp-wrap/core/packet'
import { expire } from '@ilp-wrap/expire'
import { logging } from '@ilp-wrap/logging'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { mockPair, prepare, testClock } from '@ilp-wrap/testing'
import type { MockPeer, TestClock } from '@ilp-wrap/testing'
import { validateFulfillment } from '@ilp-wrap/validate-fulfillment'
import { describe, expect, it } from 'vitest'

function setup(middleware: readonly Middleware[]): { plugin: PluginV2; peer: MockPeer; clock: TestClock } {
  const { plugin: inner, peer } = mockPair({ connected: true })
  const clock = testClock()
  return { plugin: wrap(inner, middleware, { clock }), peer, clock }
}

async function books(plugin: PluginV2): Promise<[committed: bigint, held: bigint]> {
  const { committed, holdsOut } = await balanceOf(plugin).snapshot()
  return [committed, holdsOut]
}

const resend = (): Middleware => retry({ random: () => 0.5 })
const owing = (minimum: bigint): Middleware => balance({ maximum: 0n, minimum })

describe('retry inside of the books, as recommended', () => {
  it('keeps one hold over all attempts, and pays once', async () => {
    const { plugin, peer, clock } = setup([resend(), owing(-100n)])
    const answer = plugin.sendData(prepare({ amount: 100n, expiresAt: clock.now() + 30_000 }))
    const first = await peer.request()
    first.reject('T00')
    await clock.advance(10)
    // between the attempts the amount stays held, so that nothing else can take the room it came for
    expect(await books(plugin)).toEqual([0n, 100n])
    expect(rejectCode(await plugin.sendData(prepare({ amount: 1n, expiresAt: clock.now() + 30_000 })))).toBe('T04')
    await clock.advance(500)
    const second = await peer.request()
    expect(second.data).toEqual(first.data)
    second.fulfill()
    expect(isFulfill(await answer)).toBe(true)
    expect(await books(plugin)).toEqual([-100n, 0n])
  })
})

describe('retry outside of the books', () => {
  it('holds anew for each attempt, and pays once all the same', async () => {
    const { plugin, peer, clock } = setup([owing(-100n), resend()])
    expect(describeStack(plugin).warnings).toHaveLength(1)
    const answer = plugin.sendData(prepare({ amount: 100n, expiresAt: clock.now() + 30_000 }))
    ;(await peer.request()).reject('T00')
    await clock.advance(10)
    // the difference: between the attempts nothing is held
    expect(await books(plugin)).toEqual([0n, 0n])
    await clock.advance(500)
    ;(await peer.request()).fulfill()
    expect(isFulfill(await answer)).toBe(true)
    expect(await books(plugin)).toEqual([-100n, 0n])
  })

  it('may lose the room that its packet came for, and then ends with T04, nothing paid', async () => {
    const { plugin, peer, clock } = setup([owing(-100n), resend()])
    const answer = plugin.sendData(prepare({ amount: 100n, expiresAt: clock.now() + 30_000 }))
    ;(await peer.request()).reject('T00')
    await clock.advance(10)
    const other = plugin.sendData(prepare({ amount: 60n, expiresAt: clock.now() + 30_000 }))
    ;(await peer.request()).fulfill()
    expect(isFulfill(await other)).toBe(true)
    await clock.advance(500)
    expect(rejectCode(await answer)).toBe('T04')
    expect(await books(plugin)).toEqual([-60n, 0n])
  })
})

describe('the warnings', () => {
  const out = { incoming: false } as const
  const into = { outgoing: false } as const

  it.each<[string, Middleware[]]>([
    ['guards and logs anywhere', [retry(), balance({ maximum: 1n }), rateLimit(), logging()]],
    ['the checks of what goes out', [validateFulfillment(), expire(), retry(), balance({ maximum: 1n })]],
    [
      'both checks, each on its side',
      [expire(), balance({ maximum: 1n }), expire({ incoming: true, outgoing: false })]
    ],
    ['a limit once per direction', [rateLimit(into), balance({ maximum: 1n }), rateLimit(out)]]
  ])('say nothing of %s', (_, middleware) => {
    expect(describeStack(setup(middleware).plugin).warnings).toEqual([])
  })

  it.each<[string, Middleware[], RegExp]>([
    ['retry outside of the books', [balance({ maximum: 1n }), retry()], /outgoing.*`retry`.*`balance`/],
    ['an outgoing expiry outside', [balance({ maximum: 1n }), expire()], /outgoing.*`expire`.*`balance`/],
    [
      'an outgoing check outside',
      [balance({ maximum: 1n }), validateFulfillment()],
      /outgoing.*`validate-fulfillment`.*`balance`/
    ],
    [
      'an incoming expiry inside',
      [expire({ incoming: true, outgoing: false }), balance({ maximum: 1n })],
      /incoming.*`balance`.*`expire`/
    ],
    ['retry twice', [retry(), retry()], /`retry` stands more than once/]
  ])('tell of %s', (_, middleware, text) => {
    const { warnings } = describeStack(setup(middleware).plugin)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(text)
  })
})
