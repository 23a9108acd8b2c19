import { fulfill, prepare } from '@ilp-wrap/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isForPeer, prepareDestination } from '../src/packet/index.js'

const segment = fc.stringMatching(/^[a-zA-Z0-9_~-]{1,12}$/)
const address = fc
  .tuple(fc.constantFrom('peer', 'private', 'g', 'example', 'test'), fc.array(segment, { minLength: 1, maxLength: 20 }))
  .map(([scheme, segments]) => [scheme, ...segments].join('.'))

it('knows a packet for the neighbour by its address alone', () => {
  fc.assert(
    fc.property(address, fc.nat(300), (destination, length) => {
      const packet = prepare({ destination, data: Buffer.alloc(length) })
      expect(isForPeer(packet)).toBe(prepareDestination(packet)?.startsWith('peer.'))
    })
  )
})

it('reads an address whose length takes more than a byte', () => {
  expect(isForPeer(prepare({ destination: `peer.${'a'.repeat(300)}` }))).toBe(true)
  expect(isForPeer(prepare({ destination: `g.${'a'.repeat(300)}` }))).toBe(false)
})

// ilp-packet decodes addresses as seven-bit characters: what it takes for `peer.` is one, however it is written.
it('takes no notice of the eighth bit of a character', () => {
  const packet = prepare({ destination: 'peer.config' })
  packet[packet.indexOf('peer.')]! |= 0x80
  expect(prepareDestination(packet)).toBe('peer.config')
  expect(isForPeer(packet)).toBe(true)
})

it('takes an address that is shorter than the prefix for another one', () => {
  expect(isForPeer(prepare({ destination: 'g.p', data: Buffer.from('eer.') }))).toBe(false)
})

it('takes other data for no packet to a peer', () => {
  expect(isForPeer(Buffer.from('peer.config'))).toBe(false)
  expect(isForPeer(fulfill())).toBe(false)
})
