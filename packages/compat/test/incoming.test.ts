import { deserializeIlpPrepare } from 'ilp-packet'
import * as v1Packet from 'ilp-packet-v1'
import { describe, expect, it } from 'vitest'
import { NotAcceptedError } from '@ilp-wrap/core'
import type { RejectionMessageV1, TransferV1 } from '@ilp-wrap/core'
import { FULFILLMENT, MemoryLog, fulfill, fulfillmentOf, rejectPacket } from '@ilp-wrap/testing'
import { CONDITION, PREIMAGE, connected, settled, setup } from './setup.js'
import type { Setup } from './setup.js'
import type { Answer } from './v1-double.js'
import { named } from './v1-double.js'

const codes = (answers: readonly Answer[]): (string | undefined)[] =>
  answers.map((answer) => ('reason' in answer ? answer.reason.code : undefined))

/** Hands a transfer to the plugin and waits until it has answered. */
async function deliver({ v1 }: Setup, transfer: TransferV1): Promise<Answer | undefined> {
  const before = v1.answers.length
  v1.emit('incoming_prepare', transfer)
  await settled()
  return v1.answers[before]
}

describe('an incoming conditional transfer', () => {
  it('comes to the host as a prepare', async () => {
    const { plugin, v1, incoming, clock } = await connected()
    const seen: Buffer[] = []
    plugin.registerDataHandler(async (data) => {
      seen.push(data)
      return fulfill()
    })
    v1.emit('incoming_prepare', incoming({ amount: '18446744073709551615' }))
    expect(seen.map(deserializeIlpPrepare)).toEqual([
      {
        amount: '18446744073709551615',
        destination: 'test.ledger.me.carol',
        executionCondition: Buffer.from(CONDITION, 'base64url'),
        expiresAt: new Date(clock.now() + 10_000),
        data: Buffer.from('hello')
      }
    ])
  })

  it('is fulfilled with what the host answers, and its data', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill({ data: Buffer.from('thanks') }))
    const ilp = v1Packet.serializeIlpFulfillment({ data: Buffer.from('thanks') }).toString('base64url')
    expect(await deliver(made, made.incoming())).toEqual({ id: 'in-1', fulfillment: PREIMAGE, ilp })
    expect(made.handle.incoming).toBe(0)
  })

  // E.4 no. 12
  it('may have its condition in any base64', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill())
    const bytes = Buffer.from(CONDITION, 'base64url')
    for (const executionCondition of [bytes.toString('base64'), bytes.toString('base64').replace('=', '')]) {
      expect(await deliver(made, made.incoming({ executionCondition }))).toMatchObject({ fulfillment: PREIMAGE })
    }
  })

  it('is fulfilled without a third argument where there is no data', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill())
    expect(await deliver(made, made.incoming())).toEqual({ id: 'in-1', fulfillment: PREIMAGE, ilp: undefined })
  })

  it('is rejected with what the host answers', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () =>
      rejectPacket({ code: 'F08', message: 'too large', triggeredBy: 'test.ledger.me', data: Buffer.from('x') })
    )
    expect(await deliver(made, made.incoming())).toEqual({
      id: 'in-1',
      reason: {
        code: 'F08',
        name: 'Amount Too Large',
        message: 'too large',
        triggered_by: 'test.ledger.me',
        triggered_at: new Date(made.clock.now()),
        additional_info: { data: 'eA', message: 'too large' }
      }
    })
  })

  // E.4 no. 24. A shim that threw here threw into the plugin's own emit, and left the sender to the expiry.
  it('without a packet, or with one that is none, is rejected with F01', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill())
    for (const fields of [
      { ilp: undefined },
      { ilp: '' },
      { ilp: 'garbage' },
      { executionCondition: undefined },
      { expiresAt: undefined }
    ] as Partial<TransferV1>[]) {
      expect(await deliver(made, made.incoming(fields))).toMatchObject({ reason: { code: 'F01' } })
    }
  })

  // E.4 no. 24
  it('may hold a packet of type 1, 10 or 12', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill())
    const whole = made.prepare({ destination: 'test.ledger.me' })
    for (const ilp of [
      v1Packet.serializeIlpPayment({ amount: '1', account: 'test.ledger.me', data: Buffer.alloc(0) }),
      v1Packet.serializeIlpForwardedPayment({ account: 'test.ledger.me', data: Buffer.alloc(0) }),
      whole
    ]) {
      expect(await deliver(made, made.incoming({ ilp: ilp.toString('base64') }))).toMatchObject({
        fulfillment: PREIMAGE
      })
    }
  })

  it('that is no transfer at all is left alone', async () => {
    const { plugin, v1 } = await connected()
    plugin.registerDataHandler(async () => fulfill())
    for (const transfer of [undefined, null, 'transfer', {}, { id: 7 }]) {
      expect(() => v1.emit('incoming_prepare', transfer)).not.toThrow()
      expect(() => v1.emit('incoming_transfer', transfer)).not.toThrow()
    }
    await settled()
    expect(v1.answers).toEqual([])
  })

  // E.4 no. 24
  it('is rejected with T01 while the host has no handler', async () => {
    const made = await connected()
    expect(await deliver(made, made.incoming())).toMatchObject({
      reason: { code: 'T01', triggered_by: 'test.ledger.me' }
    })
    made.plugin.registerDataHandler(async () => fulfill())
    made.plugin.deregisterDataHandler()
    expect(await deliver(made, made.incoming())).toMatchObject({ reason: { code: 'T01' } })
  })

  // E.4 no. 24
  it('is rejected with T00 when the handler throws, and the peer does not learn why', async () => {
    const made = await connected()
    const handlers = [
      () => {
        throw new Error('secret')
      },
      async () => {
        throw new Error('secret')
      },
      async () => {
        throw undefined
      }
    ]
    for (const handler of handlers) {
      made.plugin.registerDataHandler(handler)
      const answer = (await deliver(made, made.incoming())) as { reason: RejectionMessageV1 }
      expect(answer.reason.code).toBe('T00')
      expect(JSON.stringify(answer)).not.toContain('secret')
      made.plugin.deregisterDataHandler()
    }
    expect(made.log.lines.join()).toContain('secret')
  })

  it('is rejected with the code of an ILP error that the handler throws', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => {
      throw new NotAcceptedError('not from you')
    })
    expect(await deliver(made, made.incoming())).toMatchObject({ reason: { code: 'F00', message: 'not from you' } })
  })

  it('is rejected with T00 when the handler gives something else than a fulfill or a reject', async () => {
    const made = await connected()
    for (const wrong of [undefined, 'text', Buffer.alloc(0), Buffer.of(13), Buffer.of(12, 0), new Uint8Array(35)]) {
      made.plugin.registerDataHandler(async () => wrong as Buffer)
      expect(await deliver(made, made.incoming())).toMatchObject({ reason: { code: 'T00' } })
      made.plugin.deregisterDataHandler()
    }
  })

  it('is rejected with F05 when the host fulfills it wrongly: no such fulfillment leaves', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill({ fulfillment: fulfillmentOf('other') }))
    expect(await deliver(made, made.incoming())).toMatchObject({ reason: { code: 'F05' } })
    expect(made.seen).toMatchObject([{ type: 'wrong-fulfillment', transferId: 'in-1', direction: 'incoming' }])
  })

  it('is rejected with R00 when it has expired before it came', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill())
    const expiresAt = new Date(made.clock.now()).toISOString()
    expect(await deliver(made, made.incoming({ expiresAt }))).toMatchObject({ reason: { code: 'R00' } })
  })

  // E.4 no. 24
  it('is rejected with R00 at its expiry, and an answer that comes later is reported', async () => {
    const made = await connected()
    let answer: (packet: Buffer) => void = () => {}
    made.plugin.registerDataHandler(async () => new Promise((resolve) => (answer = resolve)))
    made.v1.emit('incoming_prepare', made.incoming())
    await made.clock.advance(11_000)
    expect(codes(made.v1.answers)).toEqual(['R00'])
    expect(made.handle.incoming).toBe(0)
    answer(fulfill())
    await settled()
    expect(made.v1.answers).toHaveLength(1)
    expect(made.seen).toMatchObject([{ type: 'fulfill-too-late', transferId: 'in-1', amount: 100n }])
  })

  it('may be answered by anything after its expiry, without a trace', async () => {
    const made = await connected()
    let answer: (packet: Promise<Buffer>) => void = () => {}
    made.plugin.registerDataHandler(async () => new Promise((resolve) => (answer = resolve)))
    for (const late of [async () => rejectPacket('F00'), async () => Promise.reject<Buffer>(new Error('late'))]) {
      made.v1.emit('incoming_prepare', made.incoming())
      await made.clock.advance(11_000)
      answer(late())
      await settled()
    }
    expect(codes(made.v1.answers)).toEqual(['R00', 'R00'])
    expect(made.seen).toEqual([])
  })

  it('is not fulfilled when the clock says that it has expired, though no timer has', async () => {
    const made = await connected()
    let answer: (packet: Buffer) => void = () => {}
    made.plugin.registerDataHandler(async () => new Promise((resolve) => (answer = resolve)))
    made.v1.emit('incoming_prepare', made.incoming())
    made.clock.jump(10_000)
    answer(fulfill())
    await settled()
    expect(codes(made.v1.answers)).toEqual(['R00'])
    expect(made.seen).toMatchObject([{ type: 'fulfill-too-late' }])
  })

  // E.4 no. 24
  it('that the ledger has cancelled is not fulfilled any more', async () => {
    const made = await connected()
    let answer: (packet: Buffer) => void = () => {}
    made.plugin.registerDataHandler(async () => new Promise((resolve) => (answer = resolve)))
    const transfer = made.incoming()
    made.v1.emit('incoming_prepare', transfer)
    made.v1.emit('incoming_cancel', transfer, 'reason')
    expect(made.handle.incoming).toBe(0)
    answer(fulfill())
    await settled()
    expect(made.v1.answers).toEqual([])
    expect(made.seen).toMatchObject([{ type: 'fulfill-too-late', transferId: transfer.id }])
  })

  // E.4 no. 27
  it('that comes twice reaches the host once, and has one answer', async () => {
    const made = await connected()
    let handled = 0
    made.plugin.registerDataHandler(async () => {
      handled++
      return fulfill({ data: Buffer.from('x') })
    })
    const transfer = made.incoming()
    made.v1.emit('incoming_prepare', transfer)
    made.v1.emit('incoming_prepare', transfer)
    await settled()
    expect(made.v1.answers).toHaveLength(1)
    // a plugin that shows it again after its answer may not have got the answer through
    await deliver(made, transfer)
    expect(made.v1.answers[1]).toEqual(made.v1.answers[0])
    expect(handled).toBe(1)
  })

  it('that comes again after it was rejected is rejected with the same reason', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => rejectPacket({ code: 'F02', message: 'nowhere' }))
    const transfer = made.incoming()
    await deliver(made, transfer)
    made.plugin.deregisterDataHandler()
    expect(await deliver(made, transfer)).toEqual(made.v1.answers[0])
  })

  // E.4 no. 25
  it('whose fulfillment the plugin refuses harms nobody: what was lost is reported', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill())
    for (const name of ['AlreadyRolledBackError', 'TransferNotFoundError']) {
      made.v1.onAnswer = () => Promise.reject(named(name))
      await deliver(made, made.incoming())
      expect(made.seen.splice(0)).toMatchObject([{ type: 'fulfill-too-late', amount: 100n }])
    }
    for (const error of [named('AlreadyFulfilledError'), named('NotAcceptedError'), new Error('socket'), undefined]) {
      made.v1.onAnswer = () => Promise.reject(error)
      await deliver(made, made.incoming())
      expect(made.seen.splice(0)).toMatchObject([{ type: 'fulfill-failed', amount: 100n, error }])
    }
  })

  // One lost socket, and the sender had its goods for nothing: the ledger would have taken the fulfillment until the expiry.
  it('whose fulfillment may not have arrived is fulfilled again at the next connection', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill({ data: Buffer.from('x') }))
    made.v1.onAnswer = () => Promise.reject(new Error('socket'))
    await deliver(made, made.incoming())
    made.v1.emit('connect')
    await settled()
    made.v1.onAnswer = undefined
    made.v1.emit('connect')
    await settled()
    made.v1.emit('connect')
    await settled()
    const [first] = made.v1.answers
    expect(made.v1.answers).toEqual([first, first, first])
    expect(made.seen.map(({ type }) => type)).toEqual(['fulfill-failed', 'fulfill-failed'])
  })

  it('whose fulfillment has arrived after all is not fulfilled again', async () => {
    for (const [name, event] of [
      ['AlreadyFulfilledError', undefined],
      ['AlreadyRolledBackError', 'fulfill-too-late']
    ] as const) {
      const made = await connected()
      made.plugin.registerDataHandler(async () => fulfill())
      made.v1.onAnswer = () => Promise.reject(new Error('socket'))
      await deliver(made, made.incoming())
      made.v1.onAnswer = () => Promise.reject(named(name))
      for (let i = 0; i < 2; i++) {
        made.v1.emit('connect')
        await settled()
      }
      expect(made.v1.answers).toHaveLength(2)
      expect(made.seen.slice(1).map(({ type }) => type)).toEqual(event === undefined ? [] : [event])
    }
  })

  it('that is cancelled before its fulfillment was submitted again is reported, and left', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill())
    made.v1.onAnswer = () => Promise.reject(new Error('socket'))
    const transfer = made.incoming()
    await deliver(made, transfer)
    made.v1.emit('incoming_cancel', transfer)
    made.v1.emit('connect')
    await settled()
    expect(made.v1.answers).toHaveLength(1)
    expect(made.seen.map(({ type }) => type)).toEqual(['fulfill-failed', 'fulfill-too-late'])
  })

  it('whose fulfillment the ledger does not accept is not fulfilled again', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => fulfill())
    made.v1.onAnswer = () => Promise.reject(named('NotAcceptedError'))
    await deliver(made, made.incoming())
    made.v1.emit('connect')
    await settled()
    expect(made.v1.answers).toHaveLength(1)
  })

  it('is not fulfilled again after its expiry, whether or not a timer has noticed', async () => {
    for (const expire of ['advance', 'jump'] as const) {
      const made = await connected()
      made.plugin.registerDataHandler(async () => fulfill())
      made.v1.onAnswer = () => Promise.reject(new Error('socket'))
      await deliver(made, made.incoming())
      await made.clock[expire](11_000)
      for (let i = 0; i < 2; i++) {
        made.v1.emit('connect')
        await settled()
      }
      expect(made.v1.answers).toHaveLength(1)
    }
  })

  // A host's log that throws left the ledger without an answer.
  it('is answered before anything is logged', async () => {
    const log = new MemoryLog()
    const made = await connected(undefined, { log })
    const before: number[] = []
    log.error = log.warn = () => before.push(made.v1.answers.length)
    for (const handler of [async () => Promise.reject(new Error('x')), async () => Buffer.of(1)]) {
      made.plugin.registerDataHandler(handler)
      await deliver(made, made.incoming())
      made.plugin.deregisterDataHandler()
    }
    made.plugin.registerDataHandler(async () => {
      made.clock.jump(10_000)
      return fulfill()
    })
    await deliver(made, made.incoming())
    expect(before).toEqual([1, 2, 3])
  })

  // E.4 no. 26
  it('whose rejection the plugin refuses harms nobody', async () => {
    const made = await connected()
    made.plugin.registerDataHandler(async () => rejectPacket('F00'))
    for (const error of [named('AlreadyFulfilledError'), named('AlreadyRolledBackError'), undefined]) {
      made.v1.onAnswer = () => Promise.reject(error)
      await deliver(made, made.incoming())
    }
    made.v1.rejectIncomingTransfer = () => {
      throw new Error('at once')
    }
    await deliver(made, made.incoming())
    expect(made.seen).toEqual([])
    expect(made.log.lines.filter((line) => line.startsWith('warn'))).toHaveLength(4)
  })

  // E.4 no. 31: ilp-plugin-bells waits for its listeners
  it('can be waited for by the plugin: the listener gives a promise that never rejects', async () => {
    const made = await connected()
    const [listener] = made.v1.listeners('incoming_prepare') as ((transfer: TransferV1) => Promise<void>)[]
    let answer: (packet: Buffer) => void = () => {}
    made.plugin.registerDataHandler(async () => new Promise((resolve) => (answer = resolve)))
    const transfer = made.incoming()
    let done = false
    const waiting = listener!(transfer).then(() => (done = true))
    await settled()
    expect(done).toBe(false)
    made.v1.onAnswer = () => Promise.reject(new Error('refused'))
    answer(fulfill())
    await waiting
    const expires = listener!(made.incoming())
    await made.clock.advance(11_000)
    await expires
  })

  it('is not handed to the host after disconnect', async () => {
    const made = await connected()
    let handled = 0
    made.plugin.registerDataHandler(async () => {
      handled++
      return new Promise(() => {})
    })
    made.v1.emit('incoming_prepare', made.incoming())
    await made.plugin.disconnect()
    // one is open, so that it still listens
    expect(await deliver(made, made.incoming())).toMatchObject({ reason: { code: 'T01' } })
    expect(handled).toBe(1)
  })

  it('with large answers is remembered as far as memory allows', async () => {
    const made = await connected()
    let handled = 0
    const data = Buffer.alloc(1024 * 1024)
    made.plugin.registerDataHandler(async () => {
      handled++
      return fulfill({ data })
    })
    const transfers = Array.from({ length: 20 }, () => made.incoming())
    for (const transfer of transfers) await deliver(made, transfer)
    for (const transfer of transfers.toReversed()) await deliver(made, transfer)
    // 16 MiB hold a dozen answers of 1 MiB in base64
    expect(handled).toBeGreaterThan(20 + 5)
    expect(handled).toBeLessThan(20 + 15)
  })
})

describe('an incoming unconditional transfer', () => {
  it('is money for the host, once per id', async () => {
    const { plugin, v1, incoming } = await connected()
    const seen: string[] = []
    plugin.registerMoneyHandler(async (amount) => {
      seen.push(amount)
    })
    const transfer = incoming({ amount: '7' })
    v1.emit('incoming_transfer', transfer)
    v1.emit('incoming_transfer', transfer)
    await settled()
    v1.emit('incoming_transfer', transfer)
    v1.emit('incoming_transfer', incoming({ amount: '18446744073709551616' }))
    await settled()
    expect(seen).toEqual(['7', '18446744073709551616'])
  })

  // E.4 no. 28: a v1 ledger cannot be told no
  it('that the host does not take is reported', async () => {
    const { plugin, v1, incoming, seen, log } = await connected()
    v1.emit('incoming_transfer', incoming())
    await settled()
    expect(seen.splice(0)).toMatchObject([{ type: 'money-unhandled', transferId: 'in-1', amount: '100' }])
    const error = new Error('books are closed')
    for (const handler of [
      async () => Promise.reject(error),
      () => {
        throw error
      }
    ]) {
      plugin.registerMoneyHandler(handler)
      v1.emit('incoming_transfer', incoming())
      await settled()
      expect(seen.splice(0)).toMatchObject([{ type: 'money-unhandled', amount: '100', error }])
      plugin.deregisterMoneyHandler()
    }
    expect(log.lines.filter((line) => line.startsWith('error'))).toHaveLength(3)
  })

  it('of an amount that has no counterpart is reported', async () => {
    const { plugin, v1, incoming, seen } = await connected()
    plugin.registerMoneyHandler(async () => {})
    for (const amount of ['1.5', '-1', '', 5]) {
      v1.emit('incoming_transfer', incoming({ amount: amount as string }))
      await settled()
      expect(seen.splice(0)).toMatchObject([{ type: 'money-unhandled', amount, error: { name: 'InvalidFieldsError' } }])
    }
  })
})

it('a host may register and deregister its handlers at any time', async () => {
  const { plugin, v1, incoming } = setup()
  plugin.deregisterDataHandler()
  plugin.deregisterMoneyHandler()
  plugin.registerDataHandler(async () => fulfill())
  await plugin.connect()
  v1.emit('incoming_prepare', incoming())
  plugin.deregisterDataHandler()
  plugin.registerDataHandler(async () => rejectPacket('F00'))
  v1.emit('incoming_prepare', incoming())
  await settled()
  expect(codes(v1.answers)).toEqual([undefined, 'F00'])
  expect(v1.answers[0]).toMatchObject({ fulfillment: FULFILLMENT.toString('base64url') })
})
