import { createRequire } from 'node:module'
import convert from 'ilp-compat-plugin'
import { deserializeIlpFulfill, deserializeIlpReject, serializeIlpPrepare } from 'ilp-packet'
import { describe, expect, it } from 'vitest'
import { compat } from '@ilp-wrap/compat'
import type { CompatHandle } from '@ilp-wrap/compat'
import { events, handleOf, wrap } from '@ilp-wrap/core'
import type { PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { FULFILLMENT, MemoryLog, fulfill, fulfillmentOf, prepare, rejectPacket } from '@ilp-wrap/testing'
import { V1Double, named } from '../packages/compat/test/v1-double.js'

/**
 * What is wrong with ilp-compat-plugin 2.0.3, the shim that connectors have had so far, one fault after the other: the
 * same scene is played to that plugin and to `compat()`, and must end differently.
 */

type Shim = (v1: V1Double) => PluginV2

// CommonJS, whose types say that it has a `default`
const before = convert as unknown as Shim
const log = new MemoryLog()
const now: Shim = (v1) => wrap(v1, [compat()], { log })

const CONDITION = 'drYinvPIXkXTNH02CSVf8WcuCfv4DdjKftfAbUc-TJQ'
const PREIMAGE = FULFILLMENT.toString('base64url')

interface Stage {
  readonly v1: V1Double
  readonly plugin: PluginV2
}

async function stage(shim: Shim, info: Partial<V1Double['info']> = {}): Promise<Stage> {
  const v1 = new V1Double()
  v1.info = { ...v1.info, ...info }
  const plugin = shim(v1)
  await plugin.connect()
  return { v1, plugin }
}

const packet = (ms = 10_000): Buffer =>
  prepare({ amount: 100, destination: 'test.ledger.peer.bob', expiresAt: Date.now() + ms })

const incoming = (fields: object = {}): object => ({
  id: 'in',
  amount: '100',
  ledger: 'test.ledger.',
  from: 'test.ledger.peer',
  to: 'test.ledger.me',
  ilp: Buffer.concat([Buffer.of(10, 17, 14), Buffer.from('test.ledger.me'), Buffer.of(0, 0)]).toString('base64url'),
  executionCondition: CONDITION,
  expiresAt: new Date(Date.now() + 10_000).toISOString(),
  ...fields
})

const settled = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const sleep = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** How a call ends: what it gives, the name of what it throws, or `pending`. */
async function endOf(call: Promise<unknown>): Promise<unknown> {
  return Promise.race([
    call.catch((error: unknown) => (error instanceof Error ? error.constructor.name : error)),
    settled()
      .then(settled)
      .then(() => 'pending')
  ])
}

/** A packet in short: `fulfill`, or the code of a reject. */
function short(answer: unknown): unknown {
  if (!Buffer.isBuffer(answer)) return answer
  return answer[0] === 13 ? 'fulfill' : deserializeIlpReject(answer).code
}

function reasonOf(v1: V1Double): { code: string; name: string } | undefined {
  const [answer] = v1.answers
  return answer !== undefined && 'reason' in answer ? answer.reason : undefined
}

/** What nobody has caught while `play` ran; the test runner does not hear of it. */
async function unhandled(play: () => Promise<void>): Promise<number> {
  const others = process.listeners('unhandledRejection')
  let count = 0
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', () => count++)
  try {
    await play()
    await settled()
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const each of others) process.on('unhandledRejection', each)
  }
  return count
}

/** Plays a scene to both, and gives how it ends. */
async function both(scene: (shim: Shim) => unknown): Promise<{ before: unknown; now: unknown }> {
  return { before: await scene(before), now: await scene(now) }
}

describe('where ilp-compat-plugin 2.0.3 fails', () => {
  it('1: its errors are no Errors, have no name of their own and cannot be printed', async () => {
    const ends = await both((shim) => {
      const plugin = shim(new V1Double())
      plugin.registerDataHandler(async () => fulfill())
      try {
        plugin.registerDataHandler(async () => fulfill())
        return 'nothing thrown'
      } catch (error) {
        let text = 'cannot be printed'
        try {
          text = String(error)
        } catch {
          // it stays so
        }
        return [error instanceof Error, (error as Error).name, text.split(':')[0]]
      }
    })
    expect(ends).toEqual({
      before: [false, 'BaseError', 'cannot be printed'],
      now: [true, 'DataHandlerAlreadyRegisteredError', 'DataHandlerAlreadyRegisteredError']
    })
  })

  it('2: a cancellation without a reason is a TypeError, not R00', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim)
      const answer = plugin.sendData(packet())
      v1.emit('outgoing_cancel', v1.last)
      return short(await endOf(answer))
    })
    expect(ends).toEqual({ before: 'TypeError', now: 'R00' })
  })

  it('3: a transfer that the ledger says nothing of hangs for ever', async () => {
    const ends = await both(async (shim) => {
      const { plugin } = await stage(shim)
      const answer = plugin.sendData(packet(20))
      await sleep(60)
      return short(await endOf(answer))
    })
    expect(ends).toEqual({ before: 'pending', now: 'R00' })
  })

  it('4: transfers are kept for ever', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim)
      for (let i = 0; i < 100; i++) {
        const answer = plugin.sendData(packet())
        v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
        await answer
      }
      const { transfers } = plugin as unknown as { transfers?: object }
      return transfers === undefined
        ? (handleOf(plugin, 'compat') as CompatHandle).outgoing
        : Object.keys(transfers).length
    })
    expect(ends).toEqual({ before: 100, now: 0 })
  })

  it('5: a fulfillment that is wrong counts', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim)
      const answer = plugin.sendData(packet())
      v1.emit('outgoing_fulfill', v1.last, fulfillmentOf('wrong').toString('base64url'))
      return short(await endOf(answer))
    })
    expect(ends).toEqual({ before: 'fulfill', now: 'F05' })
  })

  it('6: peer.config has no currency, and a scale of 9 for 0', async () => {
    const ask = serializeIlpPrepare({
      amount: '0',
      destination: 'peer.config',
      executionCondition: Buffer.from('Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=', 'base64'),
      expiresAt: new Date(Date.now() + 10_000),
      data: Buffer.alloc(0)
    })
    const ends = await both(async (shim) => {
      const { plugin } = await stage(shim, { currencyScale: 0 })
      const { data } = deserializeIlpFulfill(await plugin.sendData(ask))
      return data.subarray(15).toString('latin1')
    })
    expect(ends).toEqual({ before: '\x09\x00', now: '\x00\x03XRP' })
  })

  it('7: the reason for F08 has no name, at which plugins throw once they have cancelled on their own side', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim)
      plugin.registerDataHandler(async () => rejectPacket('F08'))
      v1.emit('incoming_prepare', incoming())
      await settled()
      return reasonOf(v1)?.name
    })
    expect(ends).toEqual({ before: undefined, now: 'Amount Too Large' })
  })

  it('8: a transfer with no packet or a broken one throws into the emit of the v1 plugin, and has no answer', async () => {
    const ends = await both(async (shim) => {
      const seen: unknown[] = []
      for (const ilp of [undefined, 'garbage']) {
        const { v1, plugin } = await stage(shim)
        plugin.registerDataHandler(async () => fulfill())
        try {
          v1.emit('incoming_prepare', incoming({ ilp }))
        } catch {
          seen.push('throws')
        }
        await settled()
        seen.push(reasonOf(v1)?.code)
      }
      return seen
    })
    expect(ends).toEqual({ before: ['throws', undefined, 'throws', undefined], now: ['F01', 'F01'] })
  })

  it('9: an error event never reaches a host that listens, since it throws first; emit is replaced and returns nothing', async () => {
    const ends = await both((shim) => {
      const v1 = new V1Double()
      const { emit } = v1 as { emit: unknown }
      const plugin = shim(v1)
      let heard = 0
      plugin.on('error', () => heard++)
      let thrown = false
      try {
        v1.emit('error', new Error('lost'))
      } catch {
        thrown = true
      }
      v1.on('custom', () => {})
      return [heard, thrown, Reflect.get(v1, 'emit') === emit, v1.emit('custom')]
    })
    expect(ends).toEqual({ before: [0, true, false, undefined], now: [1, false, true, true] })
  })

  it('10: an answer that the v1 plugin refuses is an unhandled rejection', async () => {
    const ends = await both(async (shim) =>
      unhandled(async () => {
        for (const answer of [fulfill(), rejectPacket('F00')]) {
          const { v1, plugin } = await stage(shim)
          v1.onAnswer = () => Promise.reject(named('AlreadyRolledBackError'))
          plugin.registerDataHandler(async () => answer)
          v1.emit('incoming_prepare', incoming())
          await settled()
        }
      })
    )
    expect(ends).toEqual({ before: 2, now: 0 })
  })

  it('11: a handler that throws gives F00, which is final, with its message; one that throws nothing, no answer', async () => {
    const ends = await both(async (shim) => {
      const seen: unknown[] = []
      const lost = await unhandled(async () => {
        for (const error of [new Error('secret'), undefined]) {
          const { v1, plugin } = await stage(shim)
          plugin.registerDataHandler(() => Promise.reject(error))
          v1.emit('incoming_prepare', incoming())
          await settled()
          const [answer] = v1.answers
          seen.push(reasonOf(v1)?.code, answer && JSON.stringify(answer).includes('secret'))
        }
      })
      return [...seen, lost]
    })
    expect(ends).toEqual({ before: ['F00', true, undefined, undefined, 1], now: ['T00', false, 'T00', false, 0] })
  })

  it('12: sendMoney resolves and sends nothing', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim)
      await plugin.sendMoney('5')
      return v1.sent.map(({ transfer }) => transfer.amount)
    })
    expect(ends).toEqual({ before: [], now: ['5'] })
  })

  it('13: a money handler throws into the emit of the v1 plugin; money without a handler is gone unseen', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim)
      const seen: PluginEvent[] = []
      if (shim === now) events(plugin).subscribe((event) => seen.push(event))
      v1.emit('incoming_transfer', incoming({ id: '1' }))
      plugin.registerMoneyHandler(() => {
        throw new Error('books are closed')
      })
      let thrown = false
      try {
        v1.emit('incoming_transfer', incoming({ id: '2' }))
      } catch {
        thrown = true
      }
      await settled()
      return [thrown, ...seen.map(({ type }) => type)]
    })
    expect(ends).toEqual({ before: [true], now: [false, 'money-unhandled', 'money-unhandled'] })
  })

  it('14: replies have no id, and a plugin without connectors throws', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim, { connectors: undefined as never })
      plugin.registerDataHandler(async (data) => data)
      const reply = await v1.requestHandler?.({ id: 'r', ilp: 'eA', from: 'test.ledger.peer', to: 'test.ledger.me' })
      const foreign = prepare({ destination: 'g.elsewhere', expiresAt: Date.now() + 10_000 })
      return [reply?.id, short(await endOf(plugin.sendData(foreign)))]
    })
    expect(ends).toEqual({ before: [undefined, 'TypeError'], now: ['r', 'F02'] })
  })

  it('15: base64url keeps half of a padding, at which validators stop', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim)
      await plugin.sendData(Buffer.from('x'))
      return v1.requests[0]?.ilp
    })
    expect(ends).toEqual({ before: 'eA=', now: 'eA' })
  })

  it('16: what was fulfilled while the connection was lost is not asked for', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim)
      const answer = plugin.sendData(packet())
      v1.fulfillments = async () => PREIMAGE
      v1.emit('disconnect')
      v1.emit('connect')
      return short(await endOf(answer))
    })
    expect(ends).toEqual({ before: 'pending', now: 'fulfill' })
  })

  it('18: a call that failed after its outcome leaves no trace, one that may have arrived ends the packet', async () => {
    const ends = await both(async (shim) => {
      const { v1, plugin } = await stage(shim)
      v1.holds = true
      const lines = log.lines.length
      void plugin.sendData(packet())
      v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
      v1.sent[0]?.reject(new Error('socket'))
      await settled()
      const traces = log.lines.slice(lines).filter((line) => line.includes('socket')).length

      const answer = plugin.sendData(packet())
      answer.catch(() => undefined)
      v1.sent[1]?.reject(new Error('timed out'))
      await settled()
      v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
      return [traces, short(await endOf(answer))]
    })
    expect(ends).toEqual({ before: [0, 'Error'], now: [1, 'fulfill'] })
  })

  it('19: it takes the request handler of the v1 plugin when it is made', async () => {
    const ends = await both((shim) => {
      const v1 = new V1Double()
      shim(v1)
      try {
        v1.registerRequestHandler(async (request) => request)
        return 'free'
      } catch (error) {
        return (error as Error).name
      }
    })
    expect(ends).toEqual({ before: 'RequestHandlerAlreadyRegisteredError', now: 'free' })
  })

  it('20: it cannot leave ilp-packet 2, since later ones have dropped the packets of version 1', () => {
    const require = createRequire(import.meta.url)
    const needs = (name: string): string | undefined =>
      (require(`${name}/package.json`) as { dependencies: Record<string, string> }).dependencies['ilp-packet']
    expect([needs('ilp-compat-plugin'), needs('@ilp-wrap/compat')].map((range) => range?.slice(0, 2))).toEqual([
      '^2',
      '^3'
    ])
  })
})
