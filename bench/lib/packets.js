import { createHash } from 'node:crypto'
import { deserializeIlpPrepare, serializeIlpFulfill, serializeIlpPrepare } from 'ilp-packet'

export const fulfillment = Buffer.alloc(32, 7)

/** A prepare of about 150 bytes that expires in ten minutes. */
export const prepare = serializeIlpPrepare({
  amount: '100',
  destination: 'g.bench.peer.account',
  executionCondition: createHash('sha256').update(fulfillment).digest(),
  expiresAt: new Date(Date.now() + 600_000),
  data: Buffer.alloc(60)
})

let made = 0

/**
 * A prepare like no other: dedupe must not take it for one that was answered.
 * @param {string} destination
 */
export function uniquePrepare(destination) {
  const template = templates.get(destination) ?? templateFor(destination)
  const packet = Buffer.from(template)
  // the end of its data
  packet.writeUInt32BE(made++, packet.length - 4)
  return packet
}

/**
 * Prepares like no other, from a few Buffers that are used over and over: one comes again when more packets than any
 * contender has in flight have come between, and is another one by then.
 */
export function distinctPrepares() {
  const packets = Array.from({ length: 1024 }, () => Buffer.from(prepare))
  return () => {
    const packet = packets[made % packets.length]
    packet.writeUInt32BE(made++, packet.length - 4)
    return packet
  }
}

/** @type {Map<string, Buffer>} */
const templates = new Map()

/** @param {string} destination */
function templateFor(destination) {
  const template = serializeIlpPrepare({ ...deserializeIlpPrepare(prepare), destination })
  templates.set(destination, template)
  return template
}

export const fulfill = serializeIlpFulfill({ fulfillment, data: Buffer.alloc(0) })
