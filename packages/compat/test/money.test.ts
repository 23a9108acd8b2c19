import { describe, expect, it } from 'vitest'
import { InvalidFieldsError, MoneyNotSentError, TimeoutError, UnreachableError } from '@ilp-wrap/core'
import { connected, settled, setup } from './setup.js'
import { named } from './v1-double.js'

/** How a call has ended so far. */
function outcomeOf(call: Promise<void>): { current: unknown } {
  const outcome: { current: unknown } = { current: 'pending' }
  call.then(
    () => (outcome.current = 'sent'),
    (error: unknown) => (outcome.current = error)
  )
  return outcome
}

describe('sendMoney', () => {
  it('is a transfer to the connector without condition and expiry, not even empty ones', async () => {
    const { plugin, v1 } = await connected()
    await plugin.sendMoney('18446744073709551616')
    expect(v1.last).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      amount: '18446744073709551616',
      ledger: 'test.ledger.',
      from: 'test.ledger.me',
      to: 'test.ledger.peer'
    })
  })

  // E.4 no. 29: a shim that resolves without sending has the host believe that it has paid
  it('waits for the plugin', async () => {
    const { plugin, v1, handle } = await connected()
    v1.holds = true
    const outcome = outcomeOf(plugin.sendMoney('5'))
    await settled()
    expect(outcome.current).toBe('pending')
    expect(handle.payments).toBe(1)
    v1.sent[0]!.resolve()
    await settled()
    expect(outcome.current).toBe('sent')
    expect(handle.payments).toBe(0)
  })

  // RFC 0004: the promise means that the transfer was submitted, which is not that it was accepted
  it('waits for outgoing_transfer with a plugin that has been seen to emit it', async () => {
    const { plugin, v1 } = await connected()
    await plugin.sendMoney('5')
    v1.emit('outgoing_transfer', v1.last)
    const outcome = outcomeOf(plugin.sendMoney('5'))
    await settled()
    expect(outcome.current).toBe('pending')
    v1.emit('outgoing_transfer', v1.last)
    await settled()
    expect(outcome.current).toBe('sent')
  })

  it('is done when outgoing_transfer comes before the promise', async () => {
    const { plugin, v1 } = await connected()
    v1.holds = true
    const outcome = outcomeOf(plugin.sendMoney('5'))
    v1.emit('outgoing_transfer', v1.last)
    await settled()
    expect(outcome.current).toBe('sent')
    v1.sent[0]!.reject(new Error('too late to matter'))
    await settled()
  })

  it('rejects when the plugin does not say in time whether it was sent', async () => {
    const { plugin, v1, clock, handle } = await connected({ moneyTimeoutMs: 5_000 })
    v1.holds = true
    const outcome = outcomeOf(plugin.sendMoney('5'))
    await clock.advance(6_000)
    expect(outcome.current).toBeInstanceOf(TimeoutError)
    expect(handle.payments).toBe(0)
  })

  // E.4 no. 29
  it('rejects with proof that nothing was sent when the plugin or the ledger refuses it', async () => {
    const { plugin, v1 } = await connected()
    v1.holds = true
    for (const event of ['outgoing_reject', 'outgoing_cancel']) {
      const outcome = outcomeOf(plugin.sendMoney('5'))
      v1.emit(event, v1.last, { code: 'F00' })
      await settled()
      expect(outcome.current).toBeInstanceOf(MoneyNotSentError)
      expect(outcome.current).toMatchObject({ cause: { code: 'F00' } })
    }
    for (const name of ['InsufficientBalanceError', 'InvalidFieldsError', 'NotAcceptedError', 'AccountNotFoundError']) {
      const error = named(name)
      const outcome = outcomeOf(plugin.sendMoney('5'))
      v1.sent.at(-1)!.reject(error)
      await settled()
      expect(outcome.current).toBeInstanceOf(MoneyNotSentError)
      expect(outcome.current).toMatchObject({ cause: error })
    }
  })

  it('rejects with what the plugin throws, the same object, where that proves nothing', async () => {
    const { plugin, v1 } = await connected()
    for (const error of [new Error('socket'), named('UnreachableError'), undefined, 'text']) {
      v1.onTransfer = () => Promise.reject(error)
      await expect(plugin.sendMoney('5')).rejects.toBe(error)
      v1.onTransfer = () => {
        throw error
      }
      await expect(plugin.sendMoney('5')).rejects.toBe(error)
    }
  })

  it('refuses what is no amount before the plugin is called', async () => {
    const { plugin, v1 } = await connected()
    for (const amount of ['', '-1', '1.5', '1e3', ' 1', '01', '0x1', undefined, 5, NaN, 5n, {}]) {
      await expect(plugin.sendMoney(amount as string)).rejects.toThrow(InvalidFieldsError)
    }
    expect(v1.sent).toHaveLength(0)
    await plugin.sendMoney('0')
    expect(v1.sent).toHaveLength(1)
  })

  it('rejects with proof that nothing was sent where there is nobody to pay', async () => {
    const { plugin, v1 } = await connected()
    v1.info = { ...v1.info, connectors: [] }
    v1.emit('info_change')
    await expect(plugin.sendMoney('5')).rejects.toThrow(MoneyNotSentError)
  })

  it('rejects while the plugin is not connected', async () => {
    const { plugin } = setup()
    await expect(plugin.sendMoney('5')).rejects.toThrow(UnreachableError)
  })
})

// The host has its answer, and what came after it was dropped without a trace.
describe('what comes to be known of money after its end', () => {
  const late = (sent: boolean): object => ({ type: 'money-outcome-late', source: 'compat', amount: 5n, sent })

  it('is reported when the ledger rejects what the plugin took', async () => {
    for (const event of ['outgoing_reject', 'outgoing_cancel']) {
      const { plugin, v1, seen } = await connected()
      await plugin.sendMoney('5')
      v1.emit(event, v1.last, 'no')
      v1.emit(event, v1.last, 'no')
      expect(seen).toMatchObject([{ ...late(false), transferId: v1.last.id }])
    }
  })

  it('is reported when the ledger executes what may have failed, or certainly had', async () => {
    for (const error of [new Error('socket'), named('InsufficientBalanceError')]) {
      const { plugin, v1, seen, log } = await connected()
      v1.holds = true
      const outcome = outcomeOf(plugin.sendMoney('5'))
      v1.sent[0]!.reject(error)
      await settled()
      expect(outcome.current).toBeInstanceOf(Error)
      v1.emit('outgoing_transfer', v1.last)
      v1.emit('outgoing_transfer', v1.last)
      expect(seen).toMatchObject([{ ...late(true), transferId: v1.last.id }])
      expect(log.lines.join()).toContain(v1.last.id)
    }
  })

  it('is reported when the ledger rejects what may have arrived', async () => {
    const { plugin, v1, seen } = await connected()
    v1.holds = true
    const outcome = outcomeOf(plugin.sendMoney('5'))
    v1.sent[0]!.reject(new Error('socket'))
    await settled()
    expect(outcome.current).toBeInstanceOf(Error)
    v1.emit('outgoing_reject', v1.last, 'no')
    expect(seen).toMatchObject([late(false)])
  })

  it('is reported when the plugin answers later than the host has waited', async () => {
    for (const error of [undefined, named('InsufficientBalanceError')]) {
      const { plugin, v1, seen, clock } = await connected()
      v1.holds = true
      const outcome = outcomeOf(plugin.sendMoney('5'))
      await clock.advance(31_000)
      expect(outcome.current).toBeInstanceOf(TimeoutError)
      if (error === undefined) v1.sent[0]!.resolve()
      else v1.sent[0]!.reject(error)
      await settled()
      expect(seen).toMatchObject([late(error === undefined)])
    }
  })

  it('is nothing new where it says what the host was told, or nothing', async () => {
    const { plugin, v1, seen, clock } = await connected()
    await plugin.sendMoney('5')
    v1.emit('outgoing_transfer', v1.last)
    v1.holds = true
    const outcomes = [outcomeOf(plugin.sendMoney('5')), outcomeOf(plugin.sendMoney('5'))]
    const [told, unsure] = v1.sent.slice(1)
    // the ledger's word counts for more than what the plugin's call says after it
    v1.emit('outgoing_transfer', told!.transfer)
    told!.reject(named('InsufficientBalanceError'))
    await clock.advance(31_000)
    // this plugin tells what was sent: that its promise resolves is no proof
    unsure!.resolve()
    await settled()
    expect(outcomes.map(({ current }) => current)).toEqual(['sent', expect.any(TimeoutError)])
    expect(seen).toEqual([])
  })

  it('is not told any more after a number of other payments', async () => {
    const { plugin, v1, seen } = await connected({ remember: 1 })
    await plugin.sendMoney('5')
    const { last } = v1
    await plugin.sendMoney('5')
    v1.emit('outgoing_reject', last, 'no')
    expect(seen).toEqual([])
  })
})

// The id is fresh: a ledger that has it has our transfer, from an attempt whose answer was lost.
it('money that the ledger says to have already is not certain not to have moved', async () => {
  const { plugin, v1 } = await connected()
  const error = named('DuplicateIdError')
  v1.onTransfer = () => Promise.reject(error)
  await expect(plugin.sendMoney('5')).rejects.toBe(error)
})

it('the balance of the v1 plugin can be asked for', async () => {
  const { v1, handle } = await connected()
  Object.assign(v1, { getBalance: async () => '17' })
  expect(await handle.balance()).toBe('17')
})
