import { wrap } from '@ilp-wrap/core'
import { mockPair } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { rateLimit, rateLimitOf } from '../src/index.js'
import type { LimitChanges } from '../src/index.js'
import { setup } from './setup.js'

const limits = { capacity: 10, refillCount: 1, refillMs: 100 }

describe('rateLimitOf', () => {
  it('shows limits and tokens of both directions', async () => {
    const { clock, send, receive, handle } = setup({ incoming: limits, outgoing: limits })
    await send()
    await send()
    await receive()
    await receive({ destination: 'peer.config' })
    await clock.advance(100)
    const peerLimits = { capacity: 100, refillCount: 100, refillMs: 1000 }
    const half = { limits, peerLimits, peerTokens: 100, keys: 0, waiting: 0, waitingAmount: 0n }
    expect(handle.snapshot()).toEqual({
      incoming: { ...half, tokens: 10 },
      outgoing: { ...half, tokens: 9 }
    })
  })

  it('is the same object each time, and undefined for a stack without a rate limit', () => {
    const { plugin, handle } = setup()
    expect(rateLimitOf(plugin)).toBe(handle)
    expect(rateLimitOf(wrap(mockPair().plugin, []))).toBeUndefined()
  })

  it('shows nothing of a half that is off, nor of a limit that is', () => {
    const { handle } = setup({ incoming: false, peer: false })
    expect(handle.snapshot()).toMatchObject({
      incoming: undefined,
      outgoing: { peerLimits: undefined, peerTokens: undefined }
    })
  })

  // In the recommended list each direction has a layer of its own, and handleOf() gives that of the outer one.
  it('reaches both layers where each direction has its own', async () => {
    const { plugin } = mockPair({ connected: true })
    const incoming = rateLimit({ outgoing: false, incoming: limits })
    const outgoing = rateLimit({ incoming: false, outgoing: limits })
    for (const list of [
      [incoming, outgoing],
      [outgoing, incoming]
    ]) {
      const handle = rateLimitOf(wrap(plugin, list))!
      handle.setLimits({ incoming: { capacity: 3 }, outgoing: { capacity: 4 } })
      expect(handle.snapshot()).toMatchObject({
        incoming: { limits: { capacity: 3 }, tokens: 3 },
        outgoing: { limits: { capacity: 4 }, tokens: 4 }
      })
    }
  })
})

describe('setLimits', () => {
  it('changes what it names, at once, and keeps the rest', async () => {
    const { clock, send, receive, handle } = setup({ incoming: limits, outgoing: limits })
    handle.setLimits({ outgoing: { capacity: 1 } })
    expect([await send(), await send()]).toEqual(['fulfilled', 'T05'])
    handle.setLimits({ outgoing: { refillMs: 5 } })
    await clock.advance(5)
    expect([await send(), await send()]).toEqual(['fulfilled', 'T05'])
    for (let i = 0; i < 10; i++) expect(await receive()).toBe('fulfilled')
    expect(await receive()).toBe('T05')
    expect(handle.snapshot().outgoing?.limits).toEqual({ capacity: 1, refillCount: 1, refillMs: 5 })
  })

  it('changes the limits of peer.… in both directions, also where there was no such packet yet', async () => {
    const { send, receive, handle } = setup()
    const peer = { destination: 'peer.config' }
    expect(await send(peer)).toBe('fulfilled')
    handle.setLimits({ peer: { capacity: 1 } })
    for (const pass of [send, receive]) {
      expect([await pass(peer), await pass(peer)]).toEqual(['fulfilled', 'T05'])
    }
  })

  it('changes the buckets of all keys, those of keys to come included', async () => {
    const { send, handle } = setup({
      outgoing: limits,
      key: (data) => /example\.([a-z]+)/.exec(data.toString('latin1'))?.[1]
    })
    const [bob, carol] = [{ destination: 'example.bob' }, { destination: 'example.carol' }]
    await send(bob)
    handle.setLimits({ outgoing: { capacity: 1 } })
    for (const to of [bob, carol]) expect([await send(to), await send(to)]).toEqual(['fulfilled', 'T05'])
  })

  it.each<[LimitChanges, string]>([
    [{ outgoing: { capacity: 0 } }, 'Expected `outgoing.capacity` to be a whole number, at least 1, got `0` (number)'],
    [{ incoming: { mode: 'wait' } as object }, 'Unknown option `incoming.mode`'],
    [{ peer: { refillMs: 0 } }, 'Expected `peer.refillMs`'],
    [{ money: {} } as object, 'Unknown option `money`']
  ])('throws on what is wrong, and changes nothing: %j', (changes, message) => {
    const { handle } = setup({ incoming: limits, outgoing: limits })
    const before = handle.snapshot()
    expect(() => {
      handle.setLimits({ incoming: { capacity: 5 }, ...changes })
    }).toThrow(message)
    expect(handle.snapshot()).toEqual(before)
  })

  it('throws where there is nothing to change', () => {
    const off = setup({ incoming: false, peer: false }).handle
    const message = (name: string): string => `\`${name}\` has no limit of this middleware's own that could be changed`
    expect(() => off.setLimits({ incoming: { capacity: 1 } })).toThrow(message('incoming'))
    expect(() => off.setLimits({ peer: { capacity: 1 } })).toThrow(message('peer'))
    const limited = setup({ limiter: { consume: async () => {} } }).handle
    expect(() => limited.setLimits({ outgoing: { capacity: 1 } })).toThrow(message('outgoing'))
    const none = setup({ incoming: false, outgoing: false }).handle
    expect(none.snapshot()).toEqual({ incoming: undefined, outgoing: undefined })
    expect(() => none.setLimits({ peer: { capacity: 1 } })).toThrow(message('peer'))
  })
})
