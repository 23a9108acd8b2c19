import { createHash } from 'node:crypto'
import { serializeIlpFulfill, serializeIlpPrepare } from 'ilp-packet'

export const fulfillment = Buffer.alloc(32, 7)

/** A prepare of about 150 bytes that expires in ten minutes. */
export const prepare = serializeIlpPrepare({
  amount: '100',
  destination: 'g.bench.peer.account',
  executionCondition: createHash('sha256').update(fulfillment).digest(),
  expiresAt: new Date(Date.now() + 600_000),
  data: Buffer.alloc(60)
})

export const fulfill = serializeIlpFulfill({ fulfillment, data: Buffer.alloc(0) })
