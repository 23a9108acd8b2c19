import { InvalidFieldsError, describe as describeStack, events, wrap } from '@ilp-wrap/core'
import type { PluginEvent } from '@ilp-wrap/core'
import { isReject, rejectCode, rejectData, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import { conformance, fulfill, mockPair, prepare, referenceFactory } from '@ilp-wrap/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maxPacketAmount, maxPacketAmountOf, minimalOptions } from '../src/index.js'
import type { MaxPacketAmountOptions, MaximumChanges } from '../src/index.js'

conformance({ describe, it }, referenceFactory(), { wrap: maxPacketAmount(minimalOptions) })

/** A connected plugin with nothing but this around it; the peer and the host fulfill whatever reaches them. */
function setup(options: Partial<MaxPacketAmountOptions> = {}) {
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [maxPacketAmount({ maximum: 1000, ...options })])
  const reached: Buffer[] = []
  const reply = fulfill()
  const answer = (data: Buffer): Promise<Buffer> => {
    reached.push(data)
    return Promise.resolve(reply)
  }
  peer.onData = answer
  plugin.registerDataHandler(answer)
  return { plugin, peer, reached, reply, handle: maxPacketAmountOf(plugin)! }
}

const equal = prepare({ amount: 1000 })
const above = prepare({ amount: 1001 })

/** Two UInt64, as they stand in the data of an F08. */
function amounts(received: bigint, maximum: bigint): Buffer {
  return Buffer.from(received.toString(16).padStart(16, '0') + maximum.toString(16).padStart(16, '0'), 'hex')
}

describe('maxPacketAmount', () => {
  it('lets a prepare of just the maximum pass, both ways, and hands on the very answer', async () => {
    const { plugin, peer, reached, reply } = setup()
    expect(await plugin.sendData(equal)).toBe(reply)
    expect(await peer.sendData(equal)).toBe(reply)
    expect(reached).toEqual([equal, equal])
    expect(reached[0]).toBe(equal)
  })

  it('answers one above it with F08 and both amounts, and the other end does not see it', async () => {
    const { plugin, peer, reached } = setup()
    for (const reply of [await plugin.sendData(above), await peer.sendData(above)]) {
      expect(rejectCode(reply)).toBe('F08')
      expect(rejectData(reply)).toEqual(amounts(1001n, 1000n))
      expect(rejectTriggeredBy(reply)).toBe('')
    }
    expect(reached).toEqual([])
  })

  it('passes an amount if, and only if, it is not above the maximum, to the last unit of a UInt64', async () => {
    const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    const near = fc.tuple(uint64, fc.bigInt({ min: -2n, max: 2n })).map(([maximum, by]): [bigint, bigint] => {
      return [maximum, BigInt.asUintN(64, maximum + by)]
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(near, fc.tuple(uint64, uint64)), async ([maximum, amount]) => {
        const { plugin, reached } = setup({ maximum })
        const reply = await plugin.sendData(prepare({ amount }))
        expect(isReject(reply)).toBe(amount > maximum)
        expect(reached).toHaveLength(amount > maximum ? 0 : 1)
        if (amount > maximum) expect(rejectData(reply)).toEqual(amounts(amount, maximum))
      })
    )
  })

  it('lets only prepares of zero pass when the maximum is zero', async () => {
    const { plugin, peer, reply } = setup({ maximum: 0 })
    expect(await plugin.sendData(prepare({ amount: 0 }))).toBe(reply)
    expect(rejectData(await peer.sendData(prepare({ amount: 1 })))).toEqual(amounts(1n, 0n))
  })

  it('passes what is for the neighbour itself, and what is no prepare', async () => {
    const { plugin, peer, reached } = setup()
    const packets = [prepare({ amount: 5000, destination: 'peer.settle' }), Buffer.from('hello'), above.subarray(0, 40)]
    for (const packet of packets) {
      await plugin.sendData(packet)
      await peer.sendData(packet)
    }
    expect(reached).toEqual(packets.flatMap((packet) => [packet, packet]))
  })

  it.each([
    ['incoming', { outgoing: 'any' }],
    ['outgoing', { incoming: 'any' }]
  ])('leaves %s packets alone when that half is off', async (direction, place) => {
    const { plugin, peer, reply } = setup({ [direction]: false })
    const outgoing = await plugin.sendData(above)
    const incoming = await peer.sendData(above)
    const [off, on] = direction === 'incoming' ? [incoming, outgoing] : [outgoing, incoming]
    expect(off).toBe(reply)
    expect(rejectCode(on)).toBe('F08')
    expect(describeStack(plugin).middleware).toEqual([{ name: 'max-packet-amount', place }])
  })

  it('tells those who listen what it refused', async () => {
    const { plugin, peer } = setup()
    const seen: PluginEvent[] = []
    events(plugin).subscribe((event) => seen.push(event))
    await plugin.sendData(above)
    await peer.sendData(above)
    const told = { type: 'packet-rejected', source: 'max-packet-amount', code: 'F08', amount: 1001n }
    expect(seen).toMatchObject([
      { ...told, direction: 'outgoing', destination: 'example.receiver' },
      { ...told, direction: 'incoming', destination: 'example.receiver' }
    ])
  })

  it('refuses options that are unknown or wrong', () => {
    expect(() => maxPacketAmount({ maximum: -1 })).toThrow('Expected `maximum` to be at least 0, got `-1` (number)')
    expect(() => maxPacketAmount({} as MaxPacketAmountOptions)).toThrow(InvalidFieldsError)
    expect(() => maxPacketAmount({ maximum: 1, incoming: 'no' as unknown as boolean })).toThrow(
      'Expected `incoming` to be a boolean, got `no` (string)'
    )
    expect(() => maxPacketAmount({ maximum: 1, max: 1 } as MaxPacketAmountOptions)).toThrow('Unknown option `max`')
  })
})

describe('maxPacketAmountOf', () => {
  it('shows the maxima, and changes those it is told to, from the next packet on', async () => {
    const { plugin, peer, handle, reply } = setup()
    expect(handle.snapshot()).toEqual({ incoming: 1000n, outgoing: 1000n })
    handle.setLimits({ outgoing: '1001' })
    expect(handle.snapshot()).toEqual({ incoming: 1000n, outgoing: 1001n })
    expect(await plugin.sendData(above)).toBe(reply)
    expect(rejectCode(await peer.sendData(above))).toBe('F08')
    handle.setLimits({ incoming: 2n, outgoing: 1n })
    expect(rejectData(await plugin.sendData(equal))).toEqual(amounts(1000n, 1n))
    expect(rejectData(await peer.sendData(equal))).toEqual(amounts(1000n, 2n))
  })

  it('is the same object each time, and undefined for a stack without a maximum', () => {
    const { plugin, handle } = setup()
    expect(maxPacketAmountOf(plugin)).toBe(handle)
    expect(maxPacketAmountOf(wrap(mockPair().plugin, []))).toBeUndefined()
  })

  // In the recommended list each direction has a layer of its own, and handleOf() gives that of the outer one.
  it('reaches both layers where each direction has its own', () => {
    const incoming = maxPacketAmount({ maximum: 1, outgoing: false })
    const outgoing = maxPacketAmount({ maximum: 2, incoming: false })
    for (const list of [
      [incoming, outgoing],
      [outgoing, incoming]
    ]) {
      const handle = maxPacketAmountOf(wrap(wrap(mockPair().plugin, []), list))!
      expect(handle.snapshot()).toEqual({ incoming: 1n, outgoing: 2n })
      handle.setLimits({ incoming: 3, outgoing: 4 })
      expect(handle.snapshot()).toEqual({ incoming: 3n, outgoing: 4n })
    }
  })

  it.each<[MaximumChanges, string]>([
    [{ outgoing: -1 }, 'Expected `outgoing` to be at least 0, got `-1` (number)'],
    [{ maximum: 1 } as MaximumChanges, 'Unknown option `maximum`']
  ])('throws on what is wrong, and changes nothing: %j', (changes, message) => {
    const { handle } = setup()
    expect(() => {
      handle.setLimits({ incoming: 5, ...changes })
    }).toThrow(message)
    expect(handle.snapshot()).toEqual({ incoming: 1000n, outgoing: 1000n })
  })

  it('throws where there is no maximum to change', () => {
    const { handle } = setup({ incoming: false, outgoing: false })
    expect(handle.snapshot()).toEqual({ incoming: undefined, outgoing: undefined })
    expect(() => {
      handle.setLimits({ incoming: 1 })
    }).toThrow('`incoming` has no maximum that could be changed')
  })
})
