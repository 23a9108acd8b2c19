import { deserializeIlpFulfill, deserializeIlpReject, serializeIlpPrepare } from 'ilp-packet'
import * as v1Packet from 'ilp-packet-v1'
import { describe, expect, it } from 'vitest'
import { UnreachableError, wrap } from '@ilp-wrap/core'
import type { TransferV1 } from '@ilp-wrap/core'
import { FULFILLMENT, MemoryLog, fulfillmentOf, testClock } from '@ilp-wrap/testing'
import { compat } from '../src/index.js'
import { CONDITION, PREIMAGE, connected, settled, setup } from './setup.js'
import { V1Double, named } from './v1-double.js'

const codeOf = async (answer: Promise<Buffer>): Promise<string> => deserializeIlpReject(await answer).code

describe('an outgoing prepare', () => {
  it('is sent as a conditional transfer to the account that is next on the ledger', async () => {
    const { plugin, v1, prepare, clock } = await connected()
    void plugin.sendData(prepare({ amount: 7, destination: 'test.ledger.bob.x', data: Buffer.from('hi') }))
    const ilp = v1Packet.serializeIlpForwardedPayment({ account: 'test.ledger.bob.x', data: Buffer.from('hi') })
    expect(v1.last).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) as string,
      amount: '7',
      ledger: 'test.ledger.',
      from: 'test.ledger.me',
      to: 'test.ledger.bob',
      ilp: ilp.toString('base64url'),
      executionCondition: CONDITION,
      expiresAt: new Date(clock.now() + 10_000).toISOString()
    })
  })

  it('comes back as a fulfill, with the data that came with the fulfillment', async () => {
    const { plugin, v1, prepare, handle } = await connected()
    const answer = plugin.sendData(prepare())
    expect(handle.outgoing).toBe(1)
    const ilp = v1Packet.serializeIlpFulfillment({ data: Buffer.from('thanks') }).toString('base64url')
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE, ilp)
    expect(deserializeIlpFulfill(await answer)).toEqual({ fulfillment: FULFILLMENT, data: Buffer.from('thanks') })
    expect(handle.outgoing).toBe(0)
  })

  // E.4 no. 12; plugins with two arguments lose the data, and nothing else
  it('takes a fulfillment in any base64, with or without data', async () => {
    const { plugin, v1, prepare } = await connected()
    const fulfillment = Buffer.alloc(32, 0xfb)
    for (const text of [
      fulfillment.toString('base64url'),
      fulfillment.toString('base64'),
      fulfillment.toString('base64').replace('=', '')
    ]) {
      const answer = plugin.sendData(prepare({ fulfillment }))
      v1.emit('outgoing_fulfill', v1.last, text)
      expect(deserializeIlpFulfill(await answer)).toEqual({ fulfillment, data: Buffer.alloc(0) })
    }
  })

  it('comes back as the reject that the reason stands for', async () => {
    const { plugin, v1, prepare } = await connected()
    const answer = plugin.sendData(prepare())
    v1.emit('outgoing_reject', v1.last, {
      code: 'F02',
      name: 'Unreachable',
      message: 'no route',
      triggered_by: 'test.ledger.peer',
      triggered_at: new Date(),
      additional_info: { data: Buffer.from('x').toString('base64') }
    })
    expect(deserializeIlpReject(await answer)).toEqual({
      code: 'F02',
      message: 'no route',
      triggeredBy: 'test.ledger.peer',
      data: Buffer.from('x')
    })
  })

  // E.4 no. 1 and 2: a cancellation is a timeout of the ledger, whatever the plugin gives as its reason
  it('that is cancelled comes back as R00, with any reason or none', async () => {
    const { plugin, v1, prepare } = await connected()
    for (const reason of [[], [{ code: 'R01', name: 'Transfer Timed Out' }], [PREIMAGE], [null]]) {
      const answer = plugin.sendData(prepare())
      v1.emit('outgoing_cancel', v1.last, ...reason)
      expect(await codeOf(answer)).toBe('R00')
    }
  })

  // E.4 no. 4
  it('may have its outcome before sendTransfer has returned', async () => {
    const { plugin, v1, prepare } = await connected()
    v1.onTransfer = async (transfer) => {
      v1.emit('outgoing_fulfill', transfer, PREIMAGE)
      return null
    }
    expect(await plugin.sendData(prepare())).toHaveLength(35)
    v1.onTransfer = undefined
    v1.holds = true
    const answer = plugin.sendData(prepare())
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    expect(await answer).toHaveLength(35)
  })

  // E.4 no. 7
  it('is answered with R00 at its expiry when the plugin says nothing, and nothing is left of it', async () => {
    const { plugin, prepare, clock, handle } = await connected()
    const answer = plugin.sendData(prepare())
    await clock.advance(9_999)
    expect(handle.outgoing).toBe(1)
    await clock.advance(1_001)
    expect(deserializeIlpReject(await answer)).toMatchObject({ code: 'R00', triggeredBy: 'test.ledger.me' })
    expect(handle.outgoing).toBe(0)
  })

  it('waits for the ledger a little longer where that is asked for', async () => {
    const { plugin, v1, prepare, clock } = await connected({ graceMs: 5_000 })
    const answer = plugin.sendData(prepare())
    await clock.advance(13_000)
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
  })

  it('that has expired is not sent', async () => {
    const { plugin, v1, prepare, clock } = await connected()
    expect(await codeOf(plugin.sendData(prepare({ expiresAt: clock.now() })))).toBe('R00')
    expect(v1.sent).toHaveLength(0)
  })

  // E.4 no. 8 and 9
  it('has one outcome, the first: others are reported and change nothing', async () => {
    const { plugin, v1, prepare, seen } = await connected()
    const answer = plugin.sendData(prepare())
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    v1.emit('outgoing_cancel', v1.last)
    v1.emit('outgoing_reject', v1.last, 'no')
    expect((await answer)[0]).toBe(13)
    expect(seen.map((event) => [event.type, (event as { outcome?: string }).outcome])).toEqual([
      ['outcome-repeated', 'fulfill'],
      ['outcome-repeated', 'cancel'],
      ['outcome-repeated', 'reject']
    ])
  })

  // E.4 no. 10: the v1 plugin may have a host of its own beside us
  it('is not touched by the outcome of a transfer that is not ours', async () => {
    const { plugin, v1, prepare, seen, handle } = await connected()
    void plugin.sendData(prepare())
    for (const transfer of [{ id: 'other' }, { ...v1.last, id: undefined }, {}, undefined]) {
      v1.emit('outgoing_fulfill', transfer, PREIMAGE)
      v1.emit('outgoing_reject', transfer, 'no')
      v1.emit('outgoing_cancel', transfer)
      v1.emit('outgoing_prepare', transfer)
      v1.emit('incoming_cancel', transfer)
      v1.emit('outgoing_transfer', transfer)
    }
    expect(seen).toEqual([])
    expect(handle.outgoing).toBe(1)
  })

  // E.4 no. 11: a v1 ledger checks fulfillments itself, so that one that is wrong comes of a broken plugin
  it('is not fulfilled by what does not fulfill its condition', async () => {
    const { plugin, v1, prepare, seen } = await connected()
    for (const wrong of [fulfillmentOf('other').toString('base64url'), '!'.repeat(43), 'short', '', undefined, 7]) {
      const answer = plugin.sendData(prepare())
      v1.emit('outgoing_fulfill', v1.last, wrong)
      expect(await codeOf(answer)).toBe('F05')
      expect(seen.at(-1)).toMatchObject({ type: 'wrong-fulfillment', transferId: v1.last.id, direction: 'outgoing' })
    }
  })

  it('that the ledger executes after we have given up is reported: the money has moved', async () => {
    const { plugin, v1, prepare, clock, seen, log } = await connected()
    const answer = plugin.sendData(prepare())
    await clock.advance(11_000)
    expect(await codeOf(answer)).toBe('R00')
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    expect(seen).toMatchObject([
      { type: 'transfer-paid-late', source: 'compat', transferId: v1.last.id, amount: 100n, paid: true }
    ])
    expect(log.lines.join()).toContain(v1.last.id)
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    v1.emit('outgoing_fulfill', v1.last, 'wrong')
    expect(seen.slice(1).map(({ type }) => type)).toEqual(['outcome-repeated', 'outcome-repeated'])
  })

  it('that the ledger cancels after we have given up is nothing to report', async () => {
    const { plugin, v1, prepare, clock, seen } = await connected()
    for (const event of ['outgoing_cancel', 'outgoing_reject']) {
      void plugin.sendData(prepare())
      await clock.advance(11_000)
      v1.emit(event, v1.last)
      expect(seen).toEqual([])
      v1.emit(event, v1.last)
      expect(seen.splice(0)).toMatchObject([{ type: 'outcome-repeated' }])
    }
  })

  it('is forgotten after a number of others, and then a double is a stranger', async () => {
    const { plugin, v1, prepare, seen } = await connected({ remember: 2 })
    const sent: TransferV1[] = []
    for (let i = 0; i < 3; i++) {
      void plugin.sendData(prepare())
      sent.push(v1.last)
      v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    }
    for (const transfer of sent) v1.emit('outgoing_fulfill', transfer, PREIMAGE)
    expect(seen.map((event) => (event as { transferId?: string }).transferId)).toEqual([sent[1]!.id, sent[2]!.id])
  })

  // E.4 no. 13 and 14
  it('may hold 32 KiB and any amount of a UInt64', async () => {
    const { plugin, v1, prepare } = await connected()
    const data = Buffer.alloc(32 * 1024, 3)
    for (const amount of ['1', '18446744073709551615']) {
      const answer = plugin.sendData(prepare({ amount, data }))
      expect(v1.last.amount).toBe(amount)
      const { data: carried } = v1Packet.deserializeIlpForwardedPayment(Buffer.from(v1.last.ilp!, 'base64'))
      expect(carried.equals(data)).toBe(true)
      const ilp = v1Packet.serializeIlpFulfillment({ data }).toString('base64')
      v1.emit('outgoing_fulfill', v1.last, PREIMAGE, ilp)
      expect(deserializeIlpFulfill(await answer).data.equals(data)).toBe(true)
    }
  })

  // E.4 no. 40
  it('leaves nothing behind: after 10 000 of them the map is empty', async () => {
    const { plugin, v1, prepare, clock, handle } = await connected({ remember: 100 })
    const packet = prepare()
    const answers: Promise<Buffer>[] = []
    for (let i = 0; i < 10_000; i++) {
      answers.push(plugin.sendData(packet))
      const transfer = v1.sent.pop()!.transfer
      if (i % 4 === 0) v1.emit('outgoing_fulfill', transfer, PREIMAGE)
      if (i % 4 === 1) v1.emit('outgoing_reject', transfer)
      if (i % 4 === 2) v1.emit('outgoing_cancel', transfer)
    }
    expect(handle.outgoing).toBe(2_500)
    await clock.advance(11_000)
    await Promise.all(answers)
    expect(handle.outgoing).toBe(0)
  })

  // E.4 no. 39
  it('of one plugin is not answered by another plugin with the same ids', async () => {
    const clock = testClock()
    const [first, second] = [new V1Double(), new V1Double()]
    const [a, b] = [wrap(first, [compat()], { clock }), wrap(second, [compat()], { clock })]
    await Promise.all([a.connect(), b.connect()])
    const { prepare } = setup()
    const answer = a.sendData(prepare())
    void b.sendData(prepare())
    second.emit('outgoing_reject', first.last, { code: 'F00' })
    first.emit('outgoing_fulfill', first.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
  })
})

describe('the way to a destination', () => {
  // E.4 no. 15
  it('is the account itself on this ledger, the connector elsewhere', async () => {
    const { plugin, v1, prepare } = await connected()
    const to = (destination: string): string | undefined => {
      void plugin.sendData(prepare({ destination }))
      return v1.last.to
    }
    expect(to('test.ledger.bob')).toBe('test.ledger.bob')
    expect(to('test.ledger.bob.carol.dave')).toBe('test.ledger.bob')
    expect(to('g.elsewhere')).toBe('test.ledger.peer')
    expect(to('test.ledgers.bob')).toBe('test.ledger.peer')
  })

  it('is the connector of the options before the one of the plugin', async () => {
    const { plugin, v1, prepare } = await connected({ connector: 'test.ledger.best' })
    void plugin.sendData(prepare({ destination: 'g.elsewhere' }))
    expect(v1.last.to).toBe('test.ledger.best')
  })

  // E.4 no. 15 and 16
  it('is none without a connector: F02, and nothing is sent', async () => {
    for (const connectors of [undefined, [], ['', 'x'].slice(0, 0), 'test.ledger.peer', [7]]) {
      const { plugin, v1, prepare } = setup()
      v1.info = { ...v1.info, connectors: connectors as string[] }
      await plugin.connect()
      expect(await codeOf(plugin.sendData(prepare({ destination: 'g.elsewhere' })))).toBe('F02')
      expect(v1.sent).toHaveLength(0)
    }
  })

  it('is the connector where the plugin knows no prefix', async () => {
    const { plugin, v1, prepare } = setup()
    v1.info = { currencyCode: 'XRP', currencyScale: 9, connectors: ['peer'] }
    v1.account = 'me, not an ILP address'
    await plugin.connect()
    const answer = plugin.sendData(prepare({ destination: 'g.elsewhere' }))
    expect(v1.last).toMatchObject({ to: 'peer', ledger: '' })
    v1.emit('outgoing_cancel', v1.last)
    // what is no ILP address cannot stand in a reject
    expect(deserializeIlpReject(await answer).triggeredBy).toBe('')
  })

  it('is none where the plugin cannot say who it is', async () => {
    const { plugin, v1, prepare } = setup()
    v1.getInfo = () => {
      throw new Error('ask me later')
    }
    await plugin.connect()
    expect(await codeOf(plugin.sendData(prepare()))).toBe('F02')
    await expect(plugin.sendMoney('1')).rejects.toThrow('no account')
    v1.getInfo = () => ({ prefix: 'test.ledger.', currencyCode: 'XRP', currencyScale: 9 })
    v1.getAccount = () => undefined as unknown as string
    void plugin.sendData(prepare())
    expect(v1.last).toMatchObject({ from: '', to: 'test.ledger.peer' })
  })

  it('follows what the plugin says of its ledger later', async () => {
    const { plugin, v1, prepare } = await connected()
    v1.info = { ...v1.info, connectors: ['test.ledger.new'] }
    void plugin.sendData(prepare({ destination: 'g.elsewhere' }))
    expect(v1.last.to).toBe('test.ledger.peer')
    v1.emit('info_change', v1.info)
    void plugin.sendData(prepare({ destination: 'g.elsewhere' }))
    expect(v1.last.to).toBe('test.ledger.new')
  })
})

describe('a plugin that refuses a transfer', () => {
  it.each([
    ['InsufficientBalanceError', 'T04'],
    ['InvalidFieldsError', 'F01'],
    ['AccountNotFoundError', 'F02'],
    ['NotAcceptedError', 'F00'],
    ['NoSubscriptionsError', 'T01'],
    ['MaximumIlpDataSizeExceeded', 'F01'],
    ['HoldsNotSupported', 'F00'],
    ['ExpiryNotSupported', 'F00']
  ])('with %s answers with %s', async (name, code) => {
    const { plugin, v1, prepare, handle } = await connected()
    v1.onTransfer = () => Promise.reject(named(name, 'secret'))
    const packet = deserializeIlpReject(await plugin.sendData(prepare()))
    expect(packet).toMatchObject({ code, triggeredBy: 'test.ledger.me' })
    expect(packet.message).not.toContain('secret')
    expect(handle.outgoing).toBe(0)
  })

  it('has its answer before anything is logged', async () => {
    const log = new MemoryLog()
    const { plugin, v1, prepare, handle } = await connected(undefined, { log })
    const open: number[] = []
    log.debug = log.warn = () => open.push(handle.outgoing)
    v1.onTransfer = () => Promise.reject(named('InsufficientBalanceError'))
    expect(await codeOf(plugin.sendData(prepare()))).toBe('T04')
    expect(open).toEqual([0])
  })

  // The id is fresh: the ledger has it from an attempt of the plugin whose answer was lost.
  it('as one that the ledger has already leaves its outcome open', async () => {
    const { plugin, v1, prepare, handle } = await connected()
    v1.holds = true
    const answer = plugin.sendData(prepare())
    v1.sent[0]!.reject(named('DuplicateIdError'))
    await settled()
    expect(handle.outgoing).toBe(1)
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
  })

  it('with NotAcceptedError answers with T00 where that is asked for', async () => {
    const { plugin, v1, prepare } = await connected({ notAccepted: 'T00' })
    v1.onTransfer = () => Promise.reject(named('NotAcceptedError'))
    expect(await codeOf(plugin.sendData(prepare()))).toBe('T00')
  })

  // ilp-plugin-payment-channel-framework throws what the peer's plugin answered in this way
  it('with the BTP Error of the peer answers with what that says', async () => {
    const { plugin, v1, prepare, handle } = await connected()
    const error = (name: string): Error => new Error(JSON.stringify({ code: 'F00', name, triggeredAt: 0, data: '' }))
    v1.onTransfer = () => Promise.reject(error('NotAcceptedError'))
    expect(await codeOf(plugin.sendData(prepare()))).toBe('F00')
    v1.onTransfer = () => Promise.reject(error('UnreachableError'))
    void plugin.sendData(prepare())
    await settled()
    expect(handle.outgoing).toBe(1)
  })

  // E.4 no. 5
  it('may throw as well as reject', async () => {
    const { plugin, v1, prepare } = await connected()
    v1.onTransfer = () => {
      throw named('InsufficientBalanceError')
    }
    expect(await codeOf(plugin.sendData(prepare()))).toBe('T04')
    v1.onTransfer = () => {
      throw named('UnreachableError')
    }
    expect(await codeOf(plugin.sendData(prepare()))).toBe('T01')
  })

  // E.4 no. 6: plugins raise these when a request to the ledger has failed, which may have arrived nevertheless
  it('for a reason that proves nothing is not believed: the ledger decides, or the expiry', async () => {
    const { plugin, v1, prepare, clock, handle } = await connected()
    for (const error of [named('UnreachableError'), new Error('timed out'), 'text', undefined, null, { name: 7 }]) {
      v1.holds = true
      const fulfilled = plugin.sendData(prepare())
      v1.sent.at(-1)!.reject(error)
      await settled()
      expect(handle.outgoing).toBe(1)
      v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
      expect((await fulfilled)[0]).toBe(13)

      const expired = plugin.sendData(prepare())
      v1.sent.at(-1)!.reject(error)
      await clock.advance(11_000)
      expect(await codeOf(expired)).toBe('R00')
    }
  })

  it('after it has said that the ledger has the transfer is not believed either', async () => {
    const { plugin, v1, prepare, handle } = await connected()
    v1.holds = true
    const answer = plugin.sendData(prepare())
    v1.emit('outgoing_prepare', v1.last)
    v1.sent.at(-1)!.reject(named('InsufficientBalanceError'))
    await settled()
    expect(handle.outgoing).toBe(1)
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
  })

  it('when the ledger has spoken already changes nothing', async () => {
    const { plugin, v1, prepare, seen } = await connected()
    v1.holds = true
    const answer = plugin.sendData(prepare())
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    v1.sent.at(-1)!.reject(named('InsufficientBalanceError'))
    await settled()
    expect((await answer)[0]).toBe(13)
    expect(seen).toEqual([])
  })

  it('and whose ledger executes the transfer nevertheless is reported', async () => {
    const { plugin, v1, prepare, seen } = await connected()
    v1.holds = true
    const answer = plugin.sendData(prepare())
    v1.sent.at(-1)!.reject(named('InsufficientBalanceError'))
    expect(await codeOf(answer)).toBe('T04')
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    expect(seen).toMatchObject([{ type: 'transfer-paid-late', paid: true }])
  })
})

// E.4 no. 14: RFC 0004 demands transfers of 0, published plugins refuse them
describe('a prepare of amount 0', () => {
  it('is a transfer as long as the plugin takes it', async () => {
    const { plugin, v1, prepare } = await connected()
    const answer = plugin.sendData(prepare({ amount: 0 }))
    expect(v1.last.amount).toBe('0')
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
  })

  it('goes as a request, as it is, once the plugin has refused one', async () => {
    const { plugin, v1, prepare, handle } = await connected()
    v1.holds = true
    v1.onRequest = async () => ({
      ilp: Buffer.concat([Buffer.of(13, 33), FULFILLMENT, Buffer.of(0)]).toString('base64')
    })
    const packet = prepare({ amount: 0 })
    const answer = plugin.sendData(packet)
    v1.sent.at(-1)!.reject(named('InvalidFieldsError'))
    expect((await answer)[0]).toBe(13)
    expect((await plugin.sendData(packet))[0]).toBe(13)
    expect(v1.sent).toHaveLength(1)
    expect(v1.requests.map(({ ilp }) => Buffer.from(ilp!, 'base64'))).toEqual([packet, packet])
    expect(handle.outgoing).toBe(0)
  })

  it('is refused as any other where transfers are asked for, and a request where those are', async () => {
    const transfers = await connected({ zeroAmount: 'transfer' })
    transfers.v1.onTransfer = () => Promise.reject(named('InvalidFieldsError'))
    expect(await codeOf(transfers.plugin.sendData(transfers.prepare({ amount: 0 })))).toBe('F01')
    const requests = await connected({ zeroAmount: 'request' })
    void requests.plugin.sendData(requests.prepare({ amount: 0 }))
    expect(requests.v1.requests).toHaveLength(1)
  })

  it('is not a request for any other refusal', async () => {
    const { plugin, v1, prepare } = await connected()
    v1.onTransfer = () => Promise.reject(named('InsufficientBalanceError'))
    expect(await codeOf(plugin.sendData(prepare({ amount: 0 })))).toBe('T04')
    expect(v1.requests).toHaveLength(0)
  })
})

describe('sendData', () => {
  it('refuses what is no Buffer', async () => {
    const { plugin } = await connected()
    for (const data of [undefined, 'text', new Uint8Array(3), {}]) {
      await expect(plugin.sendData(data as Buffer)).rejects.toThrow(TypeError)
    }
  })

  it('rejects while it is not connected, with proof that nothing was sent', async () => {
    const { plugin, prepare } = setup()
    for (const data of [prepare(), Buffer.from('data')]) {
      const error: unknown = await plugin.sendData(data).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(UnreachableError)
      expect(error).toMatchObject({ notSent: true, ilpErrorCode: 'T01' })
    }
  })
})

// RFC 0031
describe('peer.config', () => {
  const PEER_CONDITION = Buffer.from('Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=', 'base64')
  const ask = (destination = 'peer.config', condition: Buffer = PEER_CONDITION, amount = '0'): Buffer =>
    serializeIlpPrepare({
      amount,
      destination,
      executionCondition: condition,
      expiresAt: new Date(Date.UTC(2020, 0, 1) + 10_000),
      data: Buffer.alloc(0)
    })

  it('is answered from what the v1 plugin knows', async () => {
    const { plugin } = await connected()
    const { fulfillment, data } = deserializeIlpFulfill(await plugin.sendData(ask()))
    expect(fulfillment).toEqual(Buffer.alloc(32))
    expect(data.toString('latin1')).toBe('\x0etest.ledger.me\x09\x03XRP')
  })

  // E.4 no. 18
  it('may say a scale of 0, and no currency', async () => {
    const { plugin, v1 } = setup()
    v1.info = { ...v1.info, currencyScale: 0, currencyCode: '' }
    await plugin.connect()
    const { data } = deserializeIlpFulfill(await plugin.sendData(ask()))
    expect(data.subarray(15)).toEqual(Buffer.of(0, 0))
    v1.info = { ...v1.info, currencyCode: undefined as unknown as string }
    v1.emit('info_change')
    expect(deserializeIlpFulfill(await plugin.sendData(ask())).data.subarray(15)).toEqual(Buffer.of(0, 0))
  })

  it('is not answered with a scale that RFC 0031 cannot carry', async () => {
    for (const currencyScale of [-1, 256, 1.5, undefined, '9']) {
      const { plugin, v1 } = setup()
      v1.info = { ...v1.info, currencyScale: currencyScale as number }
      await plugin.connect()
      expect(await codeOf(plugin.sendData(ask()))).toBe('T00')
    }
  })

  it('is answered with T00 where the plugin cannot say who it is', async () => {
    const { plugin, v1 } = setup()
    v1.getAccount = () => {
      throw new Error('ask me later')
    }
    await plugin.connect()
    expect(await codeOf(plugin.sendData(ask()))).toBe('T00')
  })

  // E.4 no. 17 and 19
  it('is answered with T01 while the plugin is not connected and getInfo throws', async () => {
    const { plugin } = setup()
    expect(await codeOf(plugin.sendData(ask()))).toBe('T01')
  })

  it('is a packet like others with another condition or an amount', async () => {
    const { plugin, v1 } = await connected()
    void plugin.sendData(ask('peer.config', FULFILLMENT))
    expect(v1.requests).toHaveLength(1)
    void plugin.sendData(ask('peer.config', PEER_CONDITION, '1'))
    expect(v1.sent).toHaveLength(1)
  })

  // E.4 no. 20
  it('is the only one of its kind: other packets for the peer go there as requests', async () => {
    const { plugin, v1 } = await connected()
    v1.onRequest = async () => ({
      ilp: Buffer.concat([Buffer.of(13, 33), Buffer.alloc(32), Buffer.of(0)]).toString('base64')
    })
    expect((await plugin.sendData(ask('peer.route.update')))[0]).toBe(13)
    expect(v1.requests.map(({ ilp }) => Buffer.from(ilp!, 'base64'))).toEqual([ask('peer.route.update')])
    expect(v1.sent).toHaveLength(0)
  })

  // ilp-plugin-virtual: its ledgers are `peer.<token>.<currency>.<scale>.`
  it('is not what an account of a ledger is that is called peer itself', async () => {
    const { plugin, v1, prepare } = setup()
    v1.info = { ...v1.info, prefix: 'peer.token.usd.2.' }
    v1.account = 'peer.token.usd.2.me'
    await plugin.connect()
    void plugin.sendData(prepare({ destination: 'peer.token.usd.2.bob.x' }))
    void plugin.sendData(prepare({ destination: 'peer.token.usd.2.bob.x', amount: 0 }))
    expect(v1.sent.map(({ transfer }) => transfer.to)).toEqual(['peer.token.usd.2.bob', 'peer.token.usd.2.bob'])
    void plugin.sendData(prepare({ destination: 'peer.other.x', amount: 0 }))
    expect(v1.requests).toHaveLength(1)
  })
})
