import { describe, expect, it } from 'vitest'
import { InvalidFieldsError, describe as stackOf, handleOf, pluginTraits, unwrap, wrap } from '@ilp-wrap/core'
import type { PluginV1, PluginV2 } from '@ilp-wrap/core'
import { fulfill, legacyPair, loopbackPair, prepare, testClock } from '@ilp-wrap/testing'
import type { LegacyPair, LegacyQuirks, TestClock } from '@ilp-wrap/testing'
import { CompatPlugin } from '../src/adapter.js'
import { compat, minimalOptions } from '../src/index.js'
import type { CompatHandle, CompatOptions } from '../src/index.js'
import { connected } from './setup.js'
import { V1Double } from './v1-double.js'

describe('compat', () => {
  it('makes a v2 plugin of a v1 plugin, alone or first in a list', () => {
    for (const plugin of [compat()(new V1Double()), wrap(new V1Double(), [compat(minimalOptions)])]) {
      expect((plugin.constructor as { version?: number }).version).toBe(2)
      expect(plugin.isConnected()).toBe(false)
      expect(stackOf(plugin).middleware).toEqual([{ name: 'compat', place: { incoming: 'wire', outgoing: 'wire' } }])
      expect(stackOf(plugin).warnings).toEqual([])
    }
  })

  // E.4 no. 34
  it('gives back a v2 plugin as it is', () => {
    const { alice } = loopbackPair()
    expect(compat()(alice)).toBe(alice)
    const unversioned = { sendData: async () => fulfill(), sendTransfer: async () => null } as unknown as PluginV2
    expect(compat()(unversioned)).toBe(unversioned)
  })

  // E.4 no. 33: two wrappers would answer each incoming transfer twice
  it('gives the same object for the same v1 plugin, until it is unwrapped', () => {
    const v1 = new V1Double()
    const clock = testClock()
    const plugin = compat({ transfers: 'iou' })(v1, { clock, account: 'a' })
    expect(compat({ transfers: 'iou', graceMs: 0 })(v1)).toBe(plugin)
    expect(compat({ transfers: 'iou' })(v1, { clock })).toBe(plugin)
    expect(wrap(v1, [compat({ transfers: 'iou' })])).toBe(plugin)
    unwrap(plugin)
    expect(compat()(v1)).not.toBe(plugin)
  })

  it('throws for the same v1 plugin with other options or another context', () => {
    const v1 = new V1Double()
    compat()(v1, { account: 'a' })
    expect(() => compat({ transfers: 'iou' })(v1)).toThrow(InvalidFieldsError)
    expect(() => compat()(v1, { account: 'b' })).toThrow('wrapped already')
    const other = new V1Double()
    compat()(other)
    expect(() => compat()(other, { clock: testClock() })).toThrow('wrapped already')
  })

  // E.4 no. 35
  it('throws a TypeError that says what is wrong with what is no plugin', () => {
    const wrong: [unknown, string][] = [
      [null, 'null'],
      [undefined, 'undefined'],
      ['plugin', 'string'],
      [{}, 'neither `sendTransfer` nor `sendData`'],
      [Object.create(null), 'neither `sendTransfer` nor `sendData`'],
      [V1Double, 'a class or function'],
      [() => {}, 'a class or function'],
      [{ sendTransfer: () => {}, connect: () => {} }, '`disconnect`, `isConnected`, `getInfo`']
    ]
    for (const [value, text] of wrong) {
      expect(() => compat()(value as PluginV1)).toThrow(TypeError)
      expect(() => compat()(value as PluginV1)).toThrow(text)
    }
  })

  // E.4 no. 35
  it('takes a v1 plugin with a version of its own, with none, or without a constructor', () => {
    class Versioned extends V1Double {
      static readonly version = 1
    }
    const v1 = new V1Double()
    const plain = Object.assign(Object.create(null) as object, {
      ...Object.fromEntries(
        ['connect', 'disconnect', 'isConnected', 'getInfo', 'getAccount', 'sendTransfer', 'fulfillCondition']
          .concat(['rejectIncomingTransfer', 'on', 'removeListener', 'emit'])
          .map((name) => [name, (v1[name as keyof V1Double] as () => unknown).bind(v1)])
      )
    }) as unknown as PluginV1
    for (const plugin of [compat()(new Versioned()), compat()(plain)]) expect(plugin.isConnected()).toBe(false)
  })

  it('refuses options that are wrong or unknown', () => {
    const wrong: Record<string, unknown>[] = [
      { transfers: 'both' },
      { transfers: null },
      { connector: 5 },
      { zeroAmount: 'never' },
      { notAccepted: 'T01' },
      { graceMs: -1 },
      { requestTimeoutMs: '5' },
      { moneyTimeoutMs: NaN },
      { customData: 1 },
      { remember: 0 },
      { recovery: 'yes' },
      { retries: 5 }
    ]
    for (const options of wrong) {
      expect(() => compat(options as CompatOptions)).toThrow(InvalidFieldsError)
      expect(() => compat(options as CompatOptions)).toThrow(Object.keys(options)[0])
    }
  })

  it('says of the plugin that its transfers settle, unless they are promises', () => {
    const traitsOf = (plugin: PluginV2): unknown => (plugin as { [pluginTraits]?: unknown })[pluginTraits]
    expect(traitsOf(compat()(new V1Double()))).toEqual(['transfers-settle'])
    expect(traitsOf(compat({ transfers: 'iou' })(new V1Double()))).toEqual([])
    const own = Object.assign(new V1Double(), { [pluginTraits]: ['own'] })
    expect(traitsOf(compat()(own))).toEqual(['own', 'transfers-settle'])
  })

  it('leaves the members of the v1 plugin in reach, with the plugin as their `this`', () => {
    class Admin extends V1Double {
      readonly #secret = 'secret'
      note = 1
      getAdminInfo(): string {
        return this.#secret
      }
      self(): this {
        return this
      }
      get twice(): number {
        return 2 * this.note
      }
    }
    const v1 = new Admin()
    const plugin = wrap(v1, [compat()]) as unknown as PluginV2 & Admin
    expect(plugin.getAdminInfo()).toBe('secret')
    expect(Reflect.get(plugin, 'getAdminInfo')).toBe(Reflect.get(plugin, 'getAdminInfo'))
    expect(plugin.self()).toBe(plugin)
    plugin.note = 5
    expect([v1.note, plugin.twice]).toEqual([5, 10])
    expect(Object.keys(plugin)).toEqual([])
    expect(JSON.parse(JSON.stringify(plugin))).toMatchObject({ plugin: { version: 2 } })
  })

  it('has no members of any v1 plugin in its class', () => {
    expect(Reflect.get(CompatPlugin.prototype, 'getInfo')).toBeUndefined()
  })

  it('refuses everything once it is unwrapped, and answers what is open when it expires', async () => {
    const { plugin, v1, prepare: packet, clock } = await connected()
    const answer = plugin.sendData(packet())
    expect(unwrap(plugin)).toBe(v1)
    await expect(plugin.sendData(packet())).rejects.toMatchObject({ code: 'ILP_WRAP_UNWRAPPED' })
    await clock.advance(11_000)
    expect((await answer)[0]).toBe(14)
    expect([v1.listening, clock.pending]).toEqual([0, 0])
  })
})

describe('two wrapped v1 plugins', () => {
  const quirks: LegacyQuirks[] = [
    {},
    { nodeEmitter: true },
    { awaitListeners: true },
    { swallowErrors: true, reasonlessCancel: true, synchronousEvents: true, loseData: true },
    { reasonlessCancel: true, pickyReasons: true, conditionalOnly: true, noFulfillments: true },
    { doubledEvents: true },
    { doubledEvents: true, awaitListeners: true },
    { zeroAmounts: true },
    { messagesOnly: true }
  ]

  describe.each(quirks.map((each) => [Object.keys(each).join(', ') || 'none', each] as const))(
    'with the quirks: %s',
    (_, each) => {
      async function pair(): Promise<{ a: PluginV2; b: PluginV2; v1: LegacyPair; clock: TestClock }> {
        const clock = testClock()
        const v1 = legacyPair({ clock, quirks: each })
        const [a, b] = [wrap(v1.alice, [compat()], { clock }), wrap(v1.bob, [compat()], { clock })]
        await Promise.all([a.connect(), b.connect()])
        return { a, b, v1, clock }
      }
      const packetOf = (clock: { now(): number }, amount = 100): Buffer =>
        prepare({
          amount,
          destination: 'test.legacy.bob.x',
          expiresAt: clock.now() + 5_000,
          data: Buffer.alloc(1_000, 1)
        })

      it('exchange prepares, rejects, timeouts, data and money', async () => {
        const { a, b, v1, clock } = await pair()
        let handled = 0
        b.registerDataHandler(async (data) => {
          handled++
          if (data[0] !== 12) return Buffer.concat([data, data])
          return fulfill({ data: Buffer.alloc(1_000, 2) })
        })
        const answer = await a.sendData(packetOf(clock))
        expect(
          answer.equals(fulfill({ data: each.loseData === true ? Buffer.alloc(0) : Buffer.alloc(1_000, 2) }))
        ).toBe(true)
        expect(await v1.bob.getBalance()).toBe('100')
        expect(handled).toBe(1)
        expect((await a.sendData(packetOf(clock, 0)))[0]).toBe(13)
        expect(await a.sendData(Buffer.from('x'))).toEqual(Buffer.from('xx'))

        b.deregisterDataHandler()
        expect((await a.sendData(packetOf(clock))).toString('latin1')).toContain('T01')
        b.registerDataHandler(() => new Promise(() => {}))
        const timeout = a.sendData(packetOf(clock))
        await clock.advance(6_000)
        expect((await timeout).toString('latin1')).toContain('R00')

        const money: string[] = []
        b.registerMoneyHandler(async (amount) => {
          money.push(amount)
        })
        const paid = a.sendMoney('7')
        if (each.conditionalOnly === true) await expect(paid).rejects.toMatchObject({ name: 'MoneyNotSentError' })
        else await paid
        expect(money).toEqual(each.conditionalOnly === true ? [] : ['7'])
        expect(v1.alice.held).toBe(0)
        for (const plugin of [a, b]) {
          expect(handleOf(plugin, 'compat')).toMatchObject({
            outgoing: 0,
            incoming: 0,
            payments: 0,
            requests: 0
          } satisfies Partial<CompatHandle>)
        }
        await Promise.all([a.disconnect(), b.disconnect()])
        expect(clock.pending).toBe(0)
      })
    }
  )
})
