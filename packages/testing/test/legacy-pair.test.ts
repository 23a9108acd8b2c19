import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { TransferV1 } from '@ilp-wrap/core'
import { legacyPair, testClock } from '../src/index.js'
import type { LegacyPair, LegacyQuirks, TestClock } from '../src/index.js'

const FULFILLMENT = Buffer.alloc(32, 7)
const PREIMAGE = FULFILLMENT.toString('base64url')
const CONDITION = createHash('sha256').update(FULFILLMENT).digest('base64url')
const REASON = {
  code: 'F02',
  name: 'Unreachable',
  message: 'nobody',
  triggered_by: 'test.legacy.bob',
  triggered_at: new Date(0),
  additional_info: { data: 'x' }
}

interface Setup extends LegacyPair {
  readonly clock: TestClock
  /** What both have told, in order. */
  readonly told: (string | undefined)[][]
  readonly transfer: (fields?: Partial<TransferV1>) => TransferV1
}

const EVENTS = ['prepare', 'transfer', 'fulfill', 'reject', 'cancel'].flatMap((name) => [
  `incoming_${name}`,
  `outgoing_${name}`
])

async function setup(quirks: LegacyQuirks = {}): Promise<Setup> {
  const clock = testClock()
  const pair = legacyPair({ clock, quirks })
  const told: (string | undefined)[][] = []
  for (const name of ['alice', 'bob'] as const) {
    for (const event of EVENTS) {
      pair[name].on(event, (transfer: TransferV1, ...more: string[]) => told.push([name, event, transfer.id, ...more]))
    }
  }
  await Promise.all([pair.alice.connect(), pair.bob.connect()])
  let count = 0
  return {
    ...pair,
    clock,
    told,
    transfer: (fields) => ({
      id: String(++count),
      amount: '10',
      ledger: 'test.legacy.',
      from: 'test.legacy.alice',
      to: 'test.legacy.bob',
      executionCondition: CONDITION,
      expiresAt: new Date(clock.now() + 5_000).toISOString(),
      ...fields
    })
  }
}

/** A transfer without a condition. */
function unconditional({ id, amount, ledger, from, to }: TransferV1): TransferV1 {
  return { id, amount, ledger, from, to } as TransferV1
}

describe('two v1 plugins on one ledger', () => {
  it('hold a conditional transfer until it is fulfilled, and then move its amount', async () => {
    const { alice, bob, told, transfer } = await setup()
    await alice.sendTransfer({ ...transfer(), noteToSelf: { secret: true } })
    expect([alice.held, await bob.getBalance()]).toEqual([1, '0'])
    await bob.fulfillCondition('1', PREIMAGE, 'data')
    expect(told).toEqual([
      ['bob', 'incoming_prepare', '1'],
      ['alice', 'outgoing_prepare', '1'],
      ['bob', 'incoming_fulfill', '1', PREIMAGE, 'data'],
      ['alice', 'outgoing_fulfill', '1', PREIMAGE, 'data']
    ])
    expect([alice.held, await alice.getBalance(), await bob.getBalance()]).toEqual([0, '-10', '10'])
    expect(await alice.getFulfillment?.('1')).toBe(PREIMAGE)
  })

  it('end one that is rejected, with the reason as it is', async () => {
    const { alice, bob, told, transfer } = await setup()
    await alice.sendTransfer(transfer())
    await bob.rejectIncomingTransfer('1', REASON)
    expect(told.slice(2)).toEqual([
      ['bob', 'incoming_reject', '1', REASON],
      ['alice', 'outgoing_reject', '1', REASON]
    ])
    await expect(alice.getFulfillment?.('1')).rejects.toMatchObject({ name: 'AlreadyRolledBackError' })
  })

  it('cancel one at its expiry, with a reason, or without where that is the quirk', async () => {
    for (const reasonlessCancel of [false, true]) {
      const { alice, clock, told, transfer } = await setup({ reasonlessCancel })
      await alice.sendTransfer(transfer())
      await expect(alice.getFulfillment?.('1')).rejects.toMatchObject({ name: 'MissingFulfillmentError' })
      await clock.advance(6_000)
      const reason: unknown[] = reasonlessCancel ? [] : [expect.objectContaining({ code: 'R00' })]
      expect(told.slice(2)).toEqual([
        ['bob', 'incoming_cancel', '1', ...reason],
        ['alice', 'outgoing_cancel', '1', ...reason]
      ])
    }
  })

  it('move an unconditional transfer at once', async () => {
    const { alice, bob, told, transfer } = await setup()
    await alice.sendTransfer(unconditional(transfer()))
    expect(told).toEqual([
      ['bob', 'incoming_transfer', '1'],
      ['alice', 'outgoing_transfer', '1']
    ])
    expect(await bob.getBalance()).toBe('10')
    await expect(alice.getFulfillment?.('1')).rejects.toMatchObject({ name: 'TransferNotConditionalError' })
  })

  it('refuse what RFC 0004 has them refuse, by name', async () => {
    const { alice, bob, transfer } = await setup()
    const refused: [Partial<Record<keyof TransferV1, unknown>>, string][] = [
      [{ id: '' }, 'InvalidFieldsError'],
      [{ id: 7 }, 'InvalidFieldsError'],
      [{ amount: '0' }, 'InvalidFieldsError'],
      [{ amount: '-1' }, 'InvalidFieldsError'],
      [{ ledger: 'test.other.' }, 'InvalidFieldsError'],
      [{ from: 'test.legacy.eve' }, 'InvalidFieldsError'],
      [{ to: undefined }, 'InvalidFieldsError'],
      [{ to: 'test.other.bob' }, 'InvalidFieldsError'],
      [{ to: 'test.legacy.eve' }, 'AccountNotFoundError'],
      [{ executionCondition: `${CONDITION}=` }, 'InvalidFieldsError'],
      [{ executionCondition: undefined }, 'InvalidFieldsError'],
      [{ expiresAt: undefined }, 'InvalidFieldsError']
    ]
    for (const [fields, name] of refused) {
      await expect(alice.sendTransfer(transfer(fields as Partial<TransferV1>))).rejects.toMatchObject({ name })
    }
    await alice.sendTransfer(transfer({ id: 'once' }))
    await expect(alice.sendTransfer(transfer({ id: 'once' }))).rejects.toMatchObject({ name: 'DuplicateIdError' })
    await expect(bob.fulfillCondition('once', 'short')).rejects.toMatchObject({ name: 'InvalidFieldsError' })
    const wrong = Buffer.alloc(32).toString('base64url')
    await expect(bob.fulfillCondition('once', wrong)).rejects.toMatchObject({ name: 'NotAcceptedError' })
    await expect(alice.fulfillCondition('once', PREIMAGE)).rejects.toMatchObject({ name: 'TransferNotFoundError' })
    await bob.fulfillCondition('once', PREIMAGE)
    await expect(bob.rejectIncomingTransfer('once', REASON)).rejects.toMatchObject({ name: 'AlreadyFulfilledError' })
    await expect(alice.sendTransfer(transfer({ id: 'once' }))).rejects.toMatchObject({ name: 'DuplicateIdError' })
    await expect(alice.getFulfillment?.('never')).rejects.toMatchObject({ name: 'TransferNotFoundError' })
  })

  it('take no fulfillment after the expiry', async () => {
    const { alice, bob, clock, transfer } = await setup()
    await alice.sendTransfer(transfer())
    clock.jump(5_000)
    await expect(bob.fulfillCondition('1', PREIMAGE)).rejects.toMatchObject({ name: 'AlreadyRolledBackError' })
    await clock.advance(2_000)
    await expect(bob.fulfillCondition('1', PREIMAGE)).rejects.toMatchObject({ name: 'AlreadyRolledBackError' })
  })

  it('do nothing while they are not connected, and connect and disconnect once', async () => {
    const { alice, bob, transfer, clock } = await setup()
    const told: string[] = []
    for (const event of ['connect', 'disconnect']) alice.on(event, () => told.push(event))
    await alice.connect()
    await alice.disconnect()
    await alice.disconnect()
    expect(told).toEqual(['disconnect'])
    expect(alice.isConnected()).toBe(false)
    for (const call of [() => alice.getInfo(), () => alice.getAccount()]) expect(call).toThrow('not connected')
    await expect(alice.sendTransfer(transfer())).rejects.toThrow('not connected')
    await expect(bob.sendMessage({})).rejects.toMatchObject({ name: 'NoSubscriptionsError' })
    await expect(bob.sendRequest?.({})).rejects.toMatchObject({ name: 'NoSubscriptionsError' })
    const back = transfer({ from: 'test.legacy.bob', to: 'test.legacy.alice' })
    await expect(bob.sendTransfer(back)).rejects.toMatchObject({ name: 'NoSubscriptionsError' })
    await bob.disconnect()
    expect(clock.pending).toBe(0)
  })

  it('remember the outcome of the last thousand transfers', async () => {
    const { alice, bob, transfer } = await setup({ synchronousEvents: true })
    for (let i = 0; i < 1_100; i++) {
      const sent = transfer()
      await alice.sendTransfer(sent)
      await bob.fulfillCondition(sent.id, PREIMAGE)
    }
    await expect(alice.getFulfillment?.('1')).rejects.toMatchObject({ name: 'TransferNotFoundError' })
    expect(await alice.getFulfillment?.('1100')).toBe(PREIMAGE)
  })

  it('answer requests through one handler', async () => {
    const { alice, bob } = await setup()
    await expect(alice.sendRequest?.({})).rejects.toMatchObject({ name: 'NotAcceptedError' })
    bob.registerRequestHandler?.(async (request) => ({ ...request, ilp: 'answer' }))
    expect(await alice.sendRequest?.({ id: '1' })).toEqual({ id: '1', ilp: 'answer' })
    expect(() => bob.registerRequestHandler?.(async (request) => request)).toThrow('registered already')
    bob.deregisterRequestHandler?.()
    bob.registerRequestHandler?.(async (request) => request)
  })

  it('name no connector where that is asked for', async () => {
    const { alice } = legacyPair({ connectors: false, prefix: 'test.x.', currencyCode: 'EUR', currencyScale: 2 })
    await alice.connect()
    expect(alice.getAccount()).toBe('test.x.alice')
    expect(alice.getInfo()).toEqual({ prefix: 'test.x.', currencyCode: 'EUR', currencyScale: 2 })
    await alice.disconnect()
    expect(() => legacyPair({ quirks: { tidy: true } as LegacyQuirks })).toThrow('Unknown option')
  })
})

describe('with a quirk', () => {
  it('events come while sendTransfer runs', async () => {
    const { alice, told, transfer } = await setup({ synchronousEvents: true })
    const sent = alice.sendTransfer(transfer())
    expect(told.map(([, event]) => event)).toEqual(['incoming_prepare', 'outgoing_prepare'])
    await sent
    await expect(alice.sendTransfer(transfer({ amount: '0' }))).rejects.toMatchObject({ name: 'InvalidFieldsError' })
  })

  it('each event of a transfer comes twice, waited for or not', async () => {
    for (const awaitListeners of [false, true]) {
      const { alice, told, transfer } = await setup({ doubledEvents: true, awaitListeners })
      await alice.sendTransfer(transfer())
      expect(told.map(([, event]) => event).sort()).toEqual([
        'incoming_prepare',
        'incoming_prepare',
        'outgoing_prepare',
        'outgoing_prepare'
      ])
    }
  })

  it('listeners are waited for', async () => {
    const { alice, bob, transfer } = await setup({ awaitListeners: true })
    let handled = false
    bob.on('incoming_prepare', async () => {
      await new Promise((resolve) => setImmediate(resolve))
      handled = true
    })
    await alice.sendTransfer(transfer())
    expect(handled).toBe(true)
  })

  it('what listeners throw is swallowed, and not otherwise', async () => {
    for (const swallowErrors of [true, false]) {
      const { alice, bob, transfer } = await setup({ swallowErrors })
      bob.on('incoming_prepare', () => {
        throw new Error('a listener')
      })
      const sent = alice.sendTransfer(transfer())
      if (swallowErrors) await sent
      else await expect(sent).rejects.toThrow('a listener')
    }
  })

  it('the data of a fulfillment is lost', async () => {
    const { alice, bob, told, transfer } = await setup({ loseData: true })
    await alice.sendTransfer(transfer())
    await bob.fulfillCondition('1', PREIMAGE, 'data')
    expect(told.at(-1)).toEqual(['alice', 'outgoing_fulfill', '1', PREIMAGE])
  })

  it('a reason of another shape throws once the transfer is cancelled, and the message of any is lost', async () => {
    const { alice, bob, told, transfer } = await setup({ pickyReasons: true })
    const wrong = [{ triggered_at: '2020-01-01' }, { name: undefined }, { additional_info: undefined }]
    for (const fields of wrong) {
      const { id } = transfer()
      await alice.sendTransfer(transfer({ id }))
      await expect(bob.rejectIncomingTransfer(id, { ...REASON, ...fields } as never)).rejects.toThrow()
      expect(told.some(([who, event]) => who === 'alice' && event === 'outgoing_reject')).toBe(false)
    }
    expect(alice.held).toBe(0)
    await alice.sendTransfer(transfer({ id: 'right' }))
    await bob.rejectIncomingTransfer('right', REASON)
    const carried = told.at(-1)?.[3] as unknown as object
    expect(carried).toEqual({ ...REASON, message: undefined })
    expect(carried).not.toHaveProperty('message')
  })

  it('unconditional transfers are refused', async () => {
    const { alice, transfer } = await setup({ conditionalOnly: true })
    await expect(alice.sendTransfer(unconditional(transfer()))).rejects.toMatchObject({ name: 'InvalidFieldsError' })
  })

  it('transfers of 0 are taken', async () => {
    const { alice, transfer } = await setup({ zeroAmounts: true })
    await alice.sendTransfer(transfer({ amount: '0' }))
    expect(alice.held).toBe(1)
  })

  it('there is no getFulfillment, or there are no requests', async () => {
    const { alice } = await setup({ noFulfillments: true, messagesOnly: true })
    expect(alice.getFulfillment).toBeUndefined()
    expect(alice.sendRequest).toBeUndefined()
    expect(alice.registerRequestHandler).toBeUndefined()
  })

  it('it is a node EventEmitter', async () => {
    const { alice, bob } = await setup({ nodeEmitter: true })
    const seen: unknown[] = []
    const listener = (message: unknown): number => seen.push(message)
    bob.once('incoming_message', listener).on('incoming_message', listener)
    expect([bob.listenerCount('incoming_message'), bob.listeners('incoming_message')]).toEqual([
      2,
      [listener, listener]
    ])
    await alice.sendMessage({ id: '1' })
    expect(bob.emit('incoming_message', 'again')).toBe(true)
    expect(seen).toEqual([{ id: '1' }, { id: '1' }, 'again'])
    bob.removeListener('incoming_message', listener)
    expect(bob.emit('incoming_message')).toBe(false)
    bob.on('incoming_message', listener).removeAllListeners('incoming_message')
    expect(bob.listenerCount('incoming_message')).toBe(0)
  })
})
