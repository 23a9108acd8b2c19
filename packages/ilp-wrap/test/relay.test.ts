import { subscribe } from 'node:diagnostics_channel'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { balanceOf } from '@ilp-wrap/balance'
import { systemClock, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginV2 } from '@ilp-wrap/core'
import { prepareExpiresAt, rejectCode } from '@ilp-wrap/core/packet'
import { MemoryLog, fulfill, mockPair, prepare, testClock } from '@ilp-wrap/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCommand } from '../src/commands/program.js'
import { relayCommand } from '../src/commands/relay.js'
import { middlewareKind } from '../src/config/middleware.js'
import type { Named } from '../src/config/middleware.js'
import { relaySchema, relaySettings } from '../src/relay/config.js'
import { Gate } from '../src/relay/gate.js'
import { dropLinks, linksOf, surrounded } from '../src/relay/links.js'
import { Relay } from '../src/relay/relay.js'
import type { RelayRules } from '../src/relay/relay.js'
import { reload } from '../src/relay/reload.js'
import { RelayService } from '../src/relay/service.js'
import { openStatusServer } from '../src/relay/server.js'

interface LinkPlugin extends EventEmitter {
  sent: Buffer[]
  paid: string[]
  peer: (data: Buffer) => Promise<Buffer>
  failing?: boolean
  handler: (data: Buffer) => Promise<Buffer>
  moneyHandler: (amount: string) => Promise<void>
  disconnect(): Promise<void>
  connect(): Promise<void>
  deregisterDataHandler(): void
  deregisterMoneyHandler(): void
}

const fixture = fileURLToPath(new URL('fixtures/links.cjs', import.meta.url))
const { Link } = createRequire(import.meta.url)(fixture) as {
  Link: { made: Record<'left' | 'right', LinkPlugin>; refusals: number; refusal: Error }
}

const MS = 30_000
const DEFAULTS: RelayRules = { reduceMs: 1000, minimumWindowMs: 1000, passMoney: false }

/** A relay between two plugins of the test's, on its clock. */
function setup(rules: Partial<RelayRules> = {}, list: { left?: Middleware[] } = {}) {
  const clock = testClock()
  const log = new MemoryLog()
  const [left, right] = [mockPair(), mockPair()]
  const gate = new Gate(clock)
  const { wire, host } = surrounded([], { gate, measured: false })
  const stack = (plugin: PluginV2, account: string, own: Middleware[] = []): PluginV2 =>
    wrap(plugin, [...wire, ...own, ...host], { account, clock, log })
  const links = {
    left: stack(left.plugin, 'left', list.left),
    right: stack(right.plugin, 'right'),
    gate,
    registry: undefined
  }
  const relay = new Relay(links, { ...DEFAULTS, ...rules }, clock)
  const packet = (ms: number, amount = 5): Buffer => prepare({ amount, expiresAt: clock.now() + ms })
  return { clock, log, left, right, links, gate, relay, packet }
}

async function started(...given: Parameters<typeof setup>) {
  const made = setup(...given)
  const running = made.relay.run()
  await made.clock.advance(0)
  return { ...made, running }
}

describe('the relay', () => {
  it('hands a packet over with an earlier expiry and otherwise as it is, both ways', async () => {
    const { left, right, packet } = await started()
    for (const [from, to] of [
      [left, right],
      [right, left]
    ] as const) {
      const data = packet(MS)
      const answer = from.peer.sendData(data)
      const request = await to.peer.request()
      expect(prepareExpiresAt(request.data)).toBe((prepareExpiresAt(data) as number) - 1000)
      const expected = prepare({ amount: 5, expiresAt: (prepareExpiresAt(data) as number) - 1000 })
      expect(request.data).toEqual(expected)
      request.answer(fulfill())
      expect(await answer).toEqual(fulfill())
    }
  })

  it('refuses with R02 what would have less than the minimum left', async () => {
    const { left, right, packet } = await started({ reduceMs: 500, minimumWindowMs: 200 })
    expect(rejectCode(await left.peer.sendData(packet(699)))).toBe('R02')
    void left.peer.sendData(packet(700))
    await right.peer.request()
    expect(right.peer.requests.size).toBe(0)
  })

  it('lets other data pass byte by byte, and its errors as they are', async () => {
    const { left, right } = await started()
    const [data, error] = [Buffer.from('hello'), new Error('no')]
    const answer = left.peer.sendData(data)
    const request = await right.peer.request()
    expect(request.data).toBe(data)
    request.throw(error)
    await expect(answer).rejects.toBe(error)
  })

  it('answers a packet with a reject where the other link throws: with its own code, or else T01', async () => {
    const { left, right, packet, log } = await started()
    for (const [error, code] of [
      [Object.assign(new Error('too large'), { ilpErrorCode: 'F08' }), 'F08'],
      [new Error('secret'), 'T01'],
      [undefined, 'T01']
    ] as const) {
      const answer = left.peer.sendData(packet(MS))
      const request = await right.peer.request()
      request.throw(error)
      const reply = await answer
      expect([rejectCode(reply), reply.includes('secret')]).toEqual([code, false])
    }
    expect(log.lines[0]).toContain('a packet was answered with T01: Error: secret')
  })

  it('answers R00 at the expiry where the other link says nothing', async () => {
    const { left, clock, packet } = await started()
    const answer = left.peer.sendData(packet(5000))
    await clock.advance(5000)
    expect(rejectCode(await answer)).toBe('R00')
  })

  it('holds no more than a thousand packets of a link, and as many that wait', async () => {
    const { left, clock, packet } = await started()
    const answers = Array.from({ length: 2001 }, () => left.peer.sendData(packet(MS)))
    await clock.advance(0)
    expect(rejectCode((await answers.at(-1)) as Buffer)).toBe('T03')
  })

  it('takes money that comes in, and passes it on if it is told to', async () => {
    const kept = await started()
    await kept.left.peer.sendMoney('7')
    expect(kept.right.peer.payments.size).toBe(0)
    const passing = await started({ passMoney: true })
    const paid = passing.left.peer.sendMoney('7')
    const payment = await passing.right.peer.payment()
    expect(payment.amount).toBe('7')
    payment.accept()
    await paid
  })
})

describe('a link', () => {
  it('is connected again and again, less and less often, until it is', async () => {
    const { left, right, clock, log, links, relay } = setup()
    const tries: number[] = []
    left.peer.onConnect = () => {
      tries.push(clock.monotonic())
      return tries.length < 9 ? Promise.reject(new Error('not there')) : Promise.resolve()
    }
    void relay.run()
    await clock.advance(40_000)
    expect(tries).toEqual([0, 100, 300, 700, 1500, 3100, 6300, 11_300, 16_300])
    expect([links.left.isConnected(), links.right.isConnected()]).toEqual([true, true])
    expect(log.lines[0]).toContain('warn: not connected, and tried again: Error: not there')
    // and so it is after a loss
    right.peer.lose()
    await clock.advance(0)
    expect(links.right.isConnected()).toBe(true)
  })

  it('that does not heed a timeout is asked again', async () => {
    const { left, clock, links, relay } = setup()
    let tries = 0
    left.peer.onConnect = () => (++tries === 1 ? new Promise(() => undefined) : Promise.resolve())
    void relay.run()
    await clock.advance(11_099)
    expect(tries).toBe(1)
    await clock.advance(1)
    expect(links.left.isConnected()).toBe(true)
  })

  it.each(['NotAcceptedError', 'InvalidFieldsError'])('that fails with %s ends the relay', async (name) => {
    const { left, relay } = setup()
    left.peer.onConnect = () => Promise.reject(Object.assign(new Error('wrong secret'), { name }))
    await expect(relay.run()).rejects.toThrow('`left`: wrong secret')
  })

  it('that emits an error ends the relay, whatever the error is', async () => {
    const { right, running } = await started()
    right.peer.fail('broken')
    await expect(running).rejects.toThrow('`right`: broken')
  })
})

describe('the end of a relay', () => {
  it('takes nothing more and waits for what is under way', async () => {
    const { left, right, relay, running, clock, packet, links, gate } = await started()
    const answer = left.peer.sendData(packet(MS))
    const request = await right.peer.request()
    const stopped = relay.stop()
    expect([gate.isOpen, gate.size]).toEqual([false, 1])
    for (const peer of [left.peer, right.peer]) {
      expect(rejectCode(await peer.sendData(packet(MS)))).toBe('T01')
      await expect(peer.sendData(Buffer.from('other'))).rejects.toMatchObject({ ilpErrorCode: 'T01' })
    }
    // money that has moved is taken all the same
    await left.peer.sendMoney('1')
    await clock.advance(MS / 2)
    expect([links.left.isConnected(), links.right.isConnected()]).toEqual([true, true])
    request.fulfill()
    expect(await answer).toEqual(fulfill())
    await clock.advance(50)
    await stopped
    await running
    expect([links.left.isConnected(), links.right.isConnected()]).toEqual([false, false])
    expect(left.plugin.dataHandler).toBeUndefined()
    expect(clock.keepingAlive).toBe(0)
  })

  it('waits no longer than the last expiry, or 30 s for what has none', async () => {
    const { left, right, relay, clock, packet, links } = await started()
    const answers = [left.peer.sendData(packet(5000)), left.peer.sendData(Buffer.from('other')).catch(() => undefined)]
    const stopped = relay.stop()
    await clock.advance(29_999)
    expect(rejectCode((await answers[0]) as Buffer)).toBe('R00')
    expect(links.left.isConnected()).toBe(true)
    await clock.advance(51)
    await stopped
    expect(right.plugin.isConnected()).toBe(false)
  })

  it('waits no longer than the expiry where a layer next to the wire says nothing', async () => {
    const clock = testClock()
    const gate = new Gate(clock)
    void gate.track(clock.now() + 10, new Promise(() => undefined))
    let closed = false
    void gate.close().then(() => (closed = true))
    await clock.advance(9)
    expect(closed).toBe(false)
    await clock.advance(1)
    expect(closed).toBe(true)
  })

  it('says so when the books cannot be closed', async () => {
    const error = new Error('disk full')
    const service = new RelayService(relaySettings(config()), '1', systemClock, () => Promise.reject(error))
    await service.start()
    service.stop()
    expect(await service.ended).toEqual({ error, abandoned: undefined })
  })

  // of a link that threw while it was let go, nothing else was, and the books stayed open
  it('closes the books and lets both links go when each step fails, and tells the first error', async () => {
    const failing = (text: string) => (): never => {
      throw new Error(text)
    }
    const done: string[] = []
    const service = new RelayService(relaySettings(config()), '1', systemClock, () => {
      done.push('books')
      return Promise.reject(new Error('disk full'))
    })
    await service.start()
    const { left, right } = Link.made
    left.deregisterDataHandler = failing('still in use')
    left.deregisterMoneyHandler = failing('still in use, too')
    right.deregisterMoneyHandler = failing('no')
    left.disconnect = failing('cannot disconnect')
    right.disconnect = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      done.push('right')
    }
    service.stop()
    const { error } = await service.ended
    expect((error as Error).message).toBe('`left`: still in use')
    expect(done).toEqual(['right', 'books'])
  })

  it('waits for a payment that a link makes', async () => {
    const { right, relay, clock, links } = await started()
    const paid = links.right.sendMoney('5')
    const stopped = relay.stop()
    const payment = await right.peer.payment()
    await clock.advance(1000)
    expect(links.right.isConnected()).toBe(true)
    payment.accept()
    await paid
    await clock.advance(50)
    await stopped
  })

  it('does not wait for ever for a link that cannot let go', async () => {
    const { left, right, relay, clock, log } = await started()
    left.peer.onDisconnect = () => Promise.reject(new Error('cannot'))
    right.peer.onDisconnect = () => new Promise(() => undefined)
    const stopped = relay.stop()
    await clock.advance(5050)
    await stopped
    expect(log.lines.join()).toContain('error: disconnect failed: Error: cannot')
  })

  it('while a link is being connected does not wait for it', async () => {
    const { left, relay, clock } = setup()
    left.peer.onConnect = () => new Promise((_, reject) => clock.setTimeout(() => reject(new Error('late')), 1000))
    const running = relay.run()
    const stopped = relay.stop()
    await clock.advance(50)
    await stopped
    await running
    await clock.advance(2000)
  })
})

const foreign = fileURLToPath(new URL('fixtures/add-byte.mjs', import.meta.url))

const link = (name: string, more: object = {}): object => ({ plugin: `${fixture}#Link`, options: { name }, ...more })

const config = (more: object = {}, middleware: { left?: unknown[]; right?: unknown[] } = {}): object => ({
  left: link('left', { middleware: middleware.left ?? [] }),
  right: link('right', { middleware: middleware.right ?? [] }),
  ...more
})

describe('what is put around a list', () => {
  const around = (...list: unknown[]): number[] => {
    const named = list.map((each) => middlewareKind.read('', each) as Named)
    const { wire, host } = surrounded(named, { gate: new Gate(systemClock), measured: true })
    return [wire.length, host.length]
  }

  it('is what it does not have', () => {
    expect(around()).toEqual([2, 5])
    expect(around('metrics')).toEqual([1, 4])
    expect(around(['metrics', { incoming: false }])).toEqual([1, 4])
    expect(around(['expire', { incoming: true }], 'concurrency', 'error-to-reject')).toEqual([2, 2])
    // they do nothing for what comes in
    expect(around('expire', ['concurrency', { incoming: false }])).toEqual([2, 5])
    expect(around(['recommended', { balance: false }])).toEqual([1, 1])
    const parts = { balance: false, metrics: false, errorToReject: false, concurrency: { incoming: false } }
    expect(around(['recommended', parts])).toEqual([2, 4])
  })

  it('has both links measured in one registry', async () => {
    const lists = [
      { left: ['metrics'], right: ['metrics'] },
      { right: [['recommended', { balance: false }], foreign] },
      { left: [['recommended', { balance: false }]], right: [['recommended', { balance: false, metrics: false }]] },
      {}
    ]
    for (const list of lists) {
      const links = linksOf(relaySettings(config({ http: { port: 0 } }, list)))
      const text = await links.registry?.metrics()
      expect(text).toMatch(/ilp_wrap_connected\{account="left"\} 0/)
      expect(text).toMatch(/ilp_wrap_connected\{account="right"\} 0/)
      dropLinks(links)
    }
    expect(linksOf(relaySettings(config())).registry).toBeUndefined()
  })
})

describe('the configuration', () => {
  const isValid = new Ajv({ strict: true, allowUnionTypes: true }).compile(relaySchema())
  const messageFor = (given: unknown): string => {
    try {
      dropLinks(linksOf(relaySettings(given)))
    } catch (error) {
      return (error as Error).message
    }
    return 'none'
  }

  it('has defaults', () => {
    expect(relaySettings(config())).toMatchObject({
      left: { account: 'left' },
      right: { account: 'right' },
      ...DEFAULTS,
      port: undefined
    })
  })

  it('has the published schema', () => {
    const file = new URL('../schema/relay.schema.json', import.meta.url)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(relaySchema())
    const example = new URL('../../../examples/relay/relay.json', import.meta.url)
    expect(isValid(JSON.parse(readFileSync(example, 'utf8')))).toBe(true)
    for (const given of [{}, config({ http: {} }), config({ reduceMs: -1 }), config({ middle: {} })]) {
      expect([isValid(given), messageFor(given) === 'none']).toEqual([false, false])
    }
  })

  const settling = ['balance', { maximum: '10', settleThreshold: '-5' }]

  it.each<[string, unknown, RegExp]>([
    ['no object', [], /^Expected `options` to be an object/],
    ['a link that is missing', { left: link('left') }, /^Expected `right.plugin` to be a string/],
    ['a field that it does not have', config({ middle: 1 }), /^Unknown option `middle`/],
    ['a time that is none', config({ reduceMs: '1' }), /^Expected `reduceMs` to be a number of milliseconds/],
    [
      'a port that is none',
      config({ http: { port: 1e6 } }),
      /^Expected `http.port` to be a whole number from 0 to 65535/
    ],
    [
      'an option',
      config({}, { right: [['balance', { maximum: 1 }]] }),
      /^Expected `right.middleware\[0\]\[1\].maximum`/
    ],
    [
      'options that do not go together',
      config({}, { left: [['balance', { maximum: '0', settleTo: '1' }]] }),
      /^`left.middleware\[0\]`: /
    ],
    ['a plugin that is missing', { ...config(), left: { plugin: 'none' } }, /^Expected `left.plugin` to be/],
    [
      'what a plugin throws',
      { ...config(), right: { plugin: `${fixture.replace('links', 'plugins')}#Refusing` } },
      /^`right.plugin`: bad credentials$/
    ],
    [
      'two links of one name',
      config({ left: link('left', { account: 'right' }) }),
      /^Expected `right.account` to be another/
    ],
    [
      'money that is paid twice',
      config({ passMoney: true }, { right: ['logging', settling] }),
      /^Expected `passMoney` to be false, as `right.middleware\[1\]` settles/
    ],
    [
      'the same in the whole list',
      config({ passMoney: true }, { left: [['recommended', { balance: settling[1] }]] }),
      /^Expected `passMoney` to be false, as `left.middleware\[0\]`/
    ],
    [
      'nothing',
      config(
        { passMoney: true },
        { left: [['recommended', { balance: false }]], right: [['balance', { maximum: '1' }], foreign] }
      ),
      /^none$/
    ]
  ])('is told of %s', (_, given, message) => {
    expect(messageFor(given)).toMatch(message)
  })
})

describe('limits that are read again', () => {
  const limits = (n: number, more: object = {}): unknown[] => [
    ['rate-limit', { incoming: { capacity: n, refillMs: 1000 }, peer: { capacity: n, refillMs: 1000 } }],
    ['max-packet-amount', { maximum: String(n) }],
    ['throughput', { outgoing: { amount: String(n) } }],
    ['concurrency', { incoming: { limit: n, ...more } }],
    ['balance', { maximum: String(n) }]
  ]
  const settings = (list: { left?: unknown[]; right?: unknown[] }, more: object = {}) =>
    relaySettings(config(more, list))

  function change(before: ReturnType<typeof settings>, after: ReturnType<typeof settings>) {
    const links = linksOf(before)
    return { links, restart: reload(links, { started: before, limits: before }, after) }
  }

  it('are in force at once', async () => {
    const { links, restart } = change(settings({ left: limits(5) }), settings({ left: limits(7) }))
    expect(restart).toEqual([])
    const { maxPacketAmountOf } = await import('@ilp-wrap/max-packet-amount')
    const { concurrencyOf } = await import('@ilp-wrap/concurrency')
    const { rateLimitOf } = await import('@ilp-wrap/rate-limit')
    const { throughputOf } = await import('@ilp-wrap/throughput')
    const { left } = links
    expect(maxPacketAmountOf(left)?.snapshot()).toEqual({ incoming: 7n, outgoing: 7n })
    expect(concurrencyOf(left)?.snapshot().incoming?.limit).toBe(7)
    expect(rateLimitOf(left)?.snapshot().incoming).toMatchObject({
      limits: { capacity: 7 },
      peerLimits: { capacity: 7 }
    })
    expect(throughputOf(left)?.snapshot().outgoing).toMatchObject({ amount: 7n, burst: 7n })
    expect((await balanceOf(left).snapshot()).limits).toEqual({ maximum: 7n, minimum: undefined })
  })

  it('are so in the whole list, too', async () => {
    const list = (maximum: string): unknown[] => [
      ['@ilp-wrap/recommended', { balance: { maximum }, maxPacketAmount: { maximum } }]
    ]
    const { links, restart } = change(settings({ right: list('5') }), settings({ right: list('6') }))
    expect(restart).toEqual([])
    expect((await balanceOf(links.right).snapshot()).limits.maximum).toBe(6n)
  })

  it.each<[string, Parameters<typeof change>, string[]]>([
    ['rules of the relay', [settings({}), settings({}, { reduceMs: 5, http: { port: 0 } })], ['reduceMs', 'http.port']],
    ['a plugin', [settings({}), settings({}, { left: link('other') })], ['left.options.name']],
    ['another list', [settings({}), settings({ left: ['logging'] })], ['left.middleware']],
    [
      'other options',
      [settings({ left: [['logging', { events: false }]] }), settings({ left: [['logging', { events: ['x'] }]] })],
      ['left.middleware[0][1].events']
    ],
    [
      'a limit where there was none',
      [
        settings({ left: [['throughput', { incoming: { amount: '1' } }]] }),
        settings({ left: [['throughput', { incoming: { amount: '2' }, outgoing: { amount: '3' } }]] })
      ],
      ['left.middleware[0][1].incoming.amount', 'left.middleware[0][1].outgoing.amount']
    ],
    [
      'a limit that is no more',
      [
        settings({ left: [foreign, ['throughput', { incoming: { amount: '1' }, outgoing: { amount: '3' } }]] }),
        settings({ left: [foreign, ['throughput', { incoming: { amount: '1' } }]] })
      ],
      ['left.middleware[1][1].outgoing.amount']
    ],
    [
      'a limit that cannot be taken away',
      [settings({ left: limits(5, { maxQueuedAmount: '5' }) }), settings({ left: limits(5) })],
      ['left.middleware[3][1].incoming.maxQueuedAmount']
    ],
    [
      'books for each direction',
      [
        settings({
          left: [
            ['balance', { maximum: '1', incoming: false }],
            ['balance', { maximum: '1', outgoing: false }]
          ]
        }),
        settings({
          left: [
            ['balance', { maximum: '2', incoming: false }],
            ['balance', { maximum: '1', outgoing: false }]
          ]
        })
      ],
      ['left.middleware[0][1].maximum']
    ],
    [
      'books that are no more',
      [
        settings({ left: [['recommended', { balance: { maximum: '1' } }]] }),
        settings({ left: [['recommended', { balance: false }]] })
      ],
      ['left.middleware[0][1].balance']
    ]
  ])('leave to a restart %s', (_, [before, after], expected) => {
    expect(change(before, after).restart.map(String)).toEqual(expected)
  })

  it('change nothing where one of them is refused', async () => {
    const settle = (settleTo: string, maximum: string): unknown[] => [
      ['balance', { maximum, settleTo, settleThreshold: '-5' }]
    ]
    const before = settings({ left: limits(5), right: settle('3', '5') })
    const after = settings({ left: limits(7), right: settle('1', '2') })
    const links = linksOf(before)
    expect(() => reload(links, { started: before, limits: before }, after)).toThrow(
      /^`right.middleware\[0\]`: Expected `settleTo`/
    )
    expect((await balanceOf(links.left).snapshot()).limits.maximum).toBe(5n)
    expect((await balanceOf(links.right).snapshot()).limits.maximum).toBe(5n)
  })
})

describe('the status server', () => {
  const health = {
    version: '1',
    draining: false,
    underWay: 0,
    left: { account: 'a', connected: true },
    right: { account: 'b', connected: true }
  }
  const registry = { contentType: 'text/x', metrics: () => Promise.resolve('m 1') }
  const open = (given = registry, port = 0) => openStatusServer(port, () => health, given as never)

  it('answers on its two pages alone', async () => {
    const server = await open()
    const get = async (path: string, method = 'GET'): Promise<[number, string]> => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
      return [response.status, await response.text()]
    }
    expect(await get('/health?x')).toEqual([200, `${JSON.stringify(health)}\n`])
    expect(await get('/metrics')).toEqual([200, 'm 1'])
    expect(await get('/health', 'HEAD')).toEqual([200, ''])
    expect((await get('/health', 'POST'))[0]).toBe(405)
    expect((await get('/toString'))[0]).toBe(404)
    await server.close()
  })

  it('goes on after errors of its own, such as those of taking a connection', async () => {
    const server = await open()
    const get = () => fetch(`http://127.0.0.1:${server.port}/health`)
    const own = new Promise<EventEmitter>((resolve) => {
      subscribe('http.server.request.start', (message) => resolve((message as { server: EventEmitter }).server))
    })
    await get()
    for (let i = 0; i < 2; i++) (await own).emit('error', new Error('EMFILE'))
    expect((await get()).status).toBe(200)
    await server.close()
  })

  it('says so when the measures fail, or the port is taken', async () => {
    const server = await open({ contentType: '', metrics: () => Promise.reject(new Error('no')) })
    expect((await fetch(`http://127.0.0.1:${server.port}/metrics`)).status).toBe(500)
    await expect(open(registry, server.port)).rejects.toThrow(/^`http.port`: .*EADDRINUSE/)
    await server.close()
  })
})

describe('ilp-wrap relay', () => {
  let folder = ''
  let file = ''

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'relay-'))
    file = join(folder, 'relay.json')
  })

  afterEach(() => {
    Link.refusals = 0
    rmSync(folder, { recursive: true })
  })

  /** The command, with its output as text and signals that the test sends. */
  function start(text: string | object, ...flags: string[]) {
    writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text))
    const terminal = { out: new PassThrough(), err: new PassThrough() }
    const said = { out: '', err: '' }
    for (const name of ['out', 'err'] as const) terminal[name].on('data', (chunk) => (said[name] += String(chunk)))
    const signals = new EventEmitter()
    const code = runCommand(['relay', file, ...flags], terminal, [(_, exit) => relayCommand(terminal, exit, signals)])
    const until = async (name: 'out' | 'err', pattern: RegExp): Promise<string> => {
      while (!pattern.test(said[name])) await once(terminal[name], 'data')
      return said[name]
    }
    return { code, said, signals, until }
  }

  it('only looks for mistakes if told to', async () => {
    const { code, until } = start(config(), '--check')
    expect(await code).toBe(0)
    expect(await until('out', /\n/)).toBe(`${file}: no mistakes\n`)
  })

  it.each([
    ['{ "left": "secret }', /relay.json: Expected JSON: .*\n$/],
    ['{ "secret": secret }', /relay.json: Expected JSON: Unexpected token .*\n$/],
    [{}, /^ilp-wrap: Expected `left.plugin` to be a string that is not empty, got `undefined`\n$/]
  ])('tells of a mistake in one line: %j', async (text, message) => {
    const { code, until } = start(text)
    expect(await code).toBe(1)
    const line = await until('err', /\n/)
    expect(line).toMatch(message)
    expect(line).not.toContain('secret')
  })

  const address = 'btp+ws://:hunter2@127.0.0.1:7768'

  it.each<[string, object, string]>([
    ['a link', config({ left: address }), '`left` to be an object, got a string'],
    ['options', config({ left: link('left', { options: address }) }), '`left.options` to be an object, got a string'],
    [
      'a list',
      config({ left: link('left', { middleware: address }) }),
      '`left.middleware` to be an array, got a string'
    ],
    [
      'a store',
      config({}, { left: [['balance', { maximum: '1', ledger: address }]] }),
      '`left.middleware[0][1].ledger` to be an object, got a string'
    ],
    [
      'a part of the list',
      config({}, { left: [['recommended', { balance: address }]] }),
      '`left.middleware[0][1].balance` to be an object or false, got a string'
    ],
    ['a number', config({ reduceMs: address }), '`btp+ws://***@127.0.0.1:7768` (string)'],
    ['a plugin', config({ left: { plugin: address } }), 'got `btp+ws://***@127.0.0.1:7768`, which is not installed'],
    [
      'a middleware',
      config({}, { left: [`${address}#x`] }),
      'got `btp+ws://***@127.0.0.1:7768`, which is not installed'
    ],
    [
      'a module that cannot be loaded',
      config({ left: { plugin: `ilp-wrap/${address}` } }),
      '`ilp-wrap/btp+ws://***@127.0.0.1:7768` could not be loaded'
    ]
  ])('does not print the password of an address in the place of %s', async (_, given, message) => {
    const { code, until, said } = start(given, '--check')
    expect(await code).toBe(1)
    expect(await until('err', /\n/)).toContain(message)
    expect(said.err).not.toContain('hunter2')
  })

  it('tells of a configuration that is nested too deeply to be held against another', async () => {
    const nested = (levels: number): string =>
      JSON.stringify(config()).replace('"left"}', `"left","deep":${'[{"a":'.repeat(levels)}null${'}]'.repeat(levels)}}`)
    expect(await start(nested(400), '--check').code).toBe(0)
    const { code, until } = start(nested(20_000))
    expect(await code).toBe(1)
    expect(await until('err', /\n/)).toBe(
      `ilp-wrap: ${file}: Expected no more than 1000 levels of objects and arrays\n`
    )
  })

  it('tells of a file that is not there', async () => {
    const err = new PassThrough()
    expect(await runCommand(['relay', join(folder, 'none.json')], { out: new PassThrough(), err })).toBe(1)
    expect(String(err.read())).toMatch(/none.json: ENOENT/)
  })

  it('joins two plugins, tells of its state, reads limits again, and ends on a signal', async () => {
    const given = config({ http: { port: 0 } }, { left: [['max-packet-amount', { maximum: '10' }]] })
    const { code, signals, until } = start(given)
    const line = await until('out', /\n/)
    expect(line).toMatch(/relay between left and right, http:\/\/127.0.0.1:\d+\/health\n$/)
    const get = (path: string) => fetch((/http:\S+(?=\/health)/.exec(line)?.[0] ?? '') + path)
    expect(await (await get('/health')).json()).toMatchObject({ draining: false, left: { connected: true } })
    const { left, right } = Link.made
    right.peer = () => Promise.resolve(fulfill())
    const send = (amount: number): Promise<Buffer> =>
      left.handler(prepare({ amount, expiresAt: systemClock.now() + MS }))
    expect(await send(10)).toEqual(fulfill())
    expect(await (await get('/metrics')).text()).toMatch(/packets_total\{account="left",direction="incoming".* 1\n/)

    writeFileSync(file, JSON.stringify(given).replace('"10"', '"9"'))
    signals.emit('SIGHUP')
    await until('out', /relay.json: limits read again\n$/)
    expect(rejectCode(await send(10))).toBe('F08')
    writeFileSync(file, JSON.stringify({ ...given, reduceMs: 7 }))
    signals.emit('SIGHUP')
    await until('out', /limits read again; a restart is needed for reduceMs\n$/)
    writeFileSync(file, 'no JSON')
    signals.emit('SIGHUP')
    await until('err', /Expected JSON/)

    let answer!: (data: Buffer) => void
    right.peer = () => new Promise((resolve) => (answer = resolve))
    const last = left.handler(prepare({ amount: 1, expiresAt: systemClock.now() + MS }))
    signals.emit('SIGTERM')
    const response = await get('/health')
    expect([response.status, await response.json()]).toMatchObject([503, { draining: true, underWay: 1 }])
    answer(fulfill())
    expect(await last).toEqual(fulfill())
    expect(await code).toBe(0)
    await until('out', /relay ended\n$/)
    expect(signals.eventNames()).toEqual([])
  })

  // the whole file was refused, since the store had been made with other options
  it('takes limits over where the options of a store are changed, too, and says that these take a restart', async () => {
    const books = (maximum: string, more: object = {}): object =>
      config({}, { left: [['balance', { maximum, ledger: { level: { location: join(folder, 'books'), ...more } } }]] })
    const { code, signals, until } = start(books('10'))
    await until('out', /\n/)
    const { left, right } = Link.made
    right.peer = () => Promise.resolve(fulfill())
    const send = (amount: number): Promise<Buffer> =>
      left.handler(prepare({ amount, expiresAt: systemClock.now() + MS }))
    expect(await send(10)).toEqual(fulfill())
    writeFileSync(file, JSON.stringify(books('15', { sync: true })))
    signals.emit('SIGHUP')
    await until('out', /read again; a restart is needed for left.middleware\[0\]\[1\].ledger.level.sync\n$/)
    expect(rejectCode(await send(6))).toBe('T04')
    expect(await send(5)).toEqual(fulfill())
    signals.emit('SIGTERM')
    expect(await code).toBe(0)
  })

  it('cannot have one store with different options at its two links', async () => {
    const books = (more: object = {}): unknown[] => [
      ['balance', { maximum: '1', ledger: { level: { location: join(folder, 'books'), ...more } } }]
    ]
    const { code, until } = start(config({}, { left: books(), right: books({ sync: true }) }))
    expect(await code).toBe(1)
    await until('err', /Expected `right.middleware\[0\]\[1\].ledger.level` to be the same wherever it names/)
  })

  it('ends at once on a second signal', async () => {
    const { code, signals, until } = start(config())
    expect(await until('out', /\n/)).toBe('relay between left and right\n')
    Link.made.right.peer = () => new Promise(() => undefined)
    void Link.made.left.handler(prepare({ amount: 1, expiresAt: systemClock.now() + 300 }))
    signals.emit('SIGINT')
    signals.emit('SIGTERM')
    expect(await code).toBe(1)
    await until('out', /relay ended at once, with 1 under way\n$/)
  })

  it('ends with an error when a link can be connected no more', async () => {
    Link.refusals = 1
    Link.refusal = Object.assign(new Error('wrong secret'), { name: 'NotAcceptedError' })
    const { code, until, signals } = start(config())
    // it ends already
    await until('out', /\n/)
    signals.emit('SIGTERM')
    expect(await code).toBe(1)
    await until('err', /^ilp-wrap: `left`: wrong secret\n$/)
  })

  it('ends with an error when its port is taken', async () => {
    const server = createServer()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const { code, until } = start(config({ http: { port } }))
    expect(await code).toBe(1)
    await until('err', /`http.port`: /)
    server.close()
  })
})
