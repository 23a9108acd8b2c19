import { describe as described, wrap } from '@ilp-wrap/core'
import { loopbackPair } from '@ilp-wrap/testing'
import { recommended } from 'ilp-wrap'
import { expect, it } from 'vitest'
import { recommendedLayers } from '../../scripts/lib/drawings.js'

it('draws the recommended stack as recommended() makes it', () => {
  const list = recommended({
    balance: { maximum: 1n },
    maxPacketAmount: { maximum: 1n },
    throughput: { incoming: { amount: 1n }, outgoing: { amount: 1n } }
  })
  const { middleware } = described(wrap(loopbackPair().alice, list))
  const made = middleware.map(({ name, place }) => ({ name, way: Object.keys(place).join(' ') }))
  const ways = { in: 'incoming', out: 'outgoing', both: 'incoming outgoing' }
  const [compat, ...others] = recommendedLayers.map(({ name, way }) => ({ name, way: ways[way] }))
  // which a plugin of version 2 passes as it is
  expect(compat).toEqual({ name: 'compat', way: ways.both })
  expect(others).toEqual(made)
})
