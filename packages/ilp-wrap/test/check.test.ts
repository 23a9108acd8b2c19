import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { EventEmitter, once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import assert from 'node:assert/strict'
import { Line } from '../src/check/line.js'
import { Places } from '../src/check/places.js'
import { runCheck } from '../src/check/run.js'
import type { Verdict } from '../src/check/run.js'
import { RpcEndpoint } from '../src/check/rpc.js'
import { Words } from '../src/check/words.js'
import { verdictJunit } from '../src/check/junit.js'
import { verdictText } from '../src/check/report.js'
import { runCommand } from '../src/commands/program.js'
import { freePort, openLink } from '../src/demo/link.js'
import { LegacyPairPlugin, LinkedPlugin, PairPlugin, targetOf } from './check-plugins.js'

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const settings = { declared: {}, skip: {}, timeoutMs: 5000 }
const ends = { options: '{"port":{port}}', peerOptions: '{"port":{port}}', badOptions: '{}' }

/** Every clause that has a case: to look at the rest. */
const ALL = Object.fromEntries(
  [1, 2, 3, 4, 5, 6, 9, ...range(10, 24), 33, 37, 38, 39, 40, 41, 44, 47, 49, ...range(52, 61), 66, 72, 73].map((n) => [
    `C${n}`,
    'left out'
  ])
)

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

function but(clause: string, skip: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(skip).filter(([name]) => name !== clause))
}

/** What skips all cases but those of some clauses. */
function only(...clauses: string[]): string[] {
  return Object.keys(ALL).flatMap((clause) => (clauses.includes(clause) ? [] : ['--skip', `${clause}=left out`]))
}

const both = <T>(result: T): { bare: T; wrapped: T } => ({ bare: result, wrapped: result })

function failures({ rows }: Verdict): string[] {
  return rows.flatMap(({ clause, title, bare, wrapped }) =>
    [bare, wrapped].flatMap(({ status, reason }) => (status === 'failed' ? [`${clause} ${title}: ${reason}`] : []))
  )
}

function lacks({ features }: Verdict): Record<string, string> {
  return Object.fromEntries(
    Object.entries(features).flatMap(([name, { supported, reason }]) => (supported ? [] : [[name, reason]]))
  )
}

const has = { supported: true, reason: 'declared' }
const VERDICT: Verdict = {
  version: 2,
  passed: true,
  rows: [],
  features: {
    peer: has,
    money: has,
    reconnect: has,
    lose: has,
    refuse: has,
    silence: has,
    recovers: has,
    expiry: has
  }
}

const EXPIRY = 'a prepare that is not answered ends, but not at its expiry'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

describe('runCheck', () => {
  it('passes a pair of plugins that keep the interface, and says what it could not see', async () => {
    const told: number[][] = []
    const onProgress = (...numbers: number[]): void => void told.push(numbers)
    const verdict = await runCheck(targetOf(PairPlugin, ends), { ...settings, onProgress })
    expect(failures(verdict)).toEqual([])
    expect(verdict).toMatchObject({ passed: true, version: 2 })
    // nobody listens on the port: it says who belongs together, and no more
    expect(lacks(verdict)).toEqual({
      lose: 'no {link} in the options',
      refuse: 'no {link} in the options',
      silence: 'no {link} in the options',
      recovers: 'no {link} in the options',
      expiry: EXPIRY
    })
    expect(verdict.features.money).toEqual({ supported: true, reason: 'tried out' })
    expect(verdict.features.peer).toEqual({ supported: true, reason: 'by the options' })
    expect(verdict.rows.find(({ title }) => title === 'is not made of bad options')).toMatchObject({
      bare: { status: 'passed' },
      wrapped: { status: 'not supported', reason: 'the class itself is not wrapped' }
    })
    const total = 2 * verdict.rows.length
    expect(told).toEqual(Array.from({ length: total }, (_, i) => [i + 1, total]))
  })

  it('runs a plugin of version 1 with compat()', async () => {
    const target = targetOf(LegacyPairPlugin, {
      options: '{"port":{port},"name":"alice"}',
      peerOptions: '{"port":{port},"name":"bob"}',
      compat: '{"requestTimeoutMs":2000}'
    })
    const verdict = await runCheck(target, settings)
    // its ledger has moved the money before anybody is asked
    const lasting = [
      'C58 does not take money without a handler: sending money to a plugin without a handler went through',
      'C60 tells the peer when the money handler fails: sending money that the handler refuses went through'
    ]
    expect(failures(verdict)).toEqual(lasting.flatMap((failure) => [failure, failure]))
    expect(verdict.version).toBe(1)
    expect(verdict.features).toMatchObject({ money: { supported: true }, expiry: { supported: true } })
    expect(verdict.rows.find(({ clause }) => clause === 'C5')?.bare.reason).toBe('its constructor is that of version 1')
  })

  it('cuts the connection that leads over {link}, and sees whether it comes back', async () => {
    const options = '{"port":{port},"link":{link}}'
    const skip = { C12: 'the wire itself refuses nobody', C18: 'as above', C11: 'as above', C21: 'as above' }
    const verdict = await runCheck(targetOf(LinkedPlugin, { ...ends, options }), { ...settings, skip })
    expect(lacks(verdict)).toEqual({ expiry: EXPIRY })
    expect(failures(verdict)).toEqual([])
    expect(verdict.rows.find(({ title }) => title.startsWith('emits one disconnect'))?.bare.status).toBe('passed')
    expect(verdict.rows.find(({ clause }) => clause === 'C12')?.bare).toEqual({
      status: 'not supported',
      reason: 'the wire itself refuses nobody'
    })
  })

  it('finds out which end listens, where both say {port}, and leads the other over the link', async () => {
    class Role extends LinkedPlugin {
      constructor({ role, port, key }: { role: string; port: number; key: number }) {
        super({ port: key, ...(role === 'calls' && { link: port }), ...(role === 'listens' && { listen: port }) })
      }
    }
    const [calls, listens] = ['calls', 'listens'].map((role) => `{"role":"${role}","port":{port},"key":1}`)
    const caller = targetOf(Role, { options: calls, peerOptions: listens })
    const verdict = await runCheck(caller, { ...settings, skip: ALL })
    expect(caller.texts).toEqual({ plugin: calls?.replace('{port}', '{link}'), peer: listens })
    expect(lacks(verdict)).toEqual({ expiry: EXPIRY })
    const listener = targetOf(Role, { options: listens, peerOptions: calls })
    await runCheck(listener, { ...settings, skip: ALL })
    expect(listener.texts).toEqual({ plugin: listens, peer: calls?.replace('{port}', '{link}') })
  })

  it('has who is connected to neither refused nor kept waiting', async () => {
    const request = { ...ends, peerOptions: '{"port":{port},"link":{link}}' }
    const verdict = await runCheck(targetOf(LinkedPlugin, request), { ...settings, skip: ALL })
    expect(lacks(verdict)).toMatchObject({
      refuse: '{link} is not in its own options',
      silence: '{link} is not in its own options'
    })
    expect(verdict.features.lose).toEqual({ supported: true, reason: 'by the options' })
  })

  it('finds out what a plugin does not do, and takes the word of who knows it', async () => {
    class Lazy extends PairPlugin {
      #connected = 0
      override async connect(): Promise<void> {
        if (this.#connected++ === 0) await super.connect()
      }
      override async sendMoney(): Promise<void> {}
    }
    const found = await runCheck(targetOf(Lazy, ends), { ...settings, skip: ALL })
    expect(lacks(found)).toMatchObject({
      money: 'sendMoney() resolves, and no money arrives',
      reconnect: 'connect() after disconnect() resolves, and it is not connected'
    })
    class Mute extends PairPlugin {
      #connected = 0
      override async connect(): Promise<void> {
        this.#connected++
        await super.connect()
      }
      override sendData(data: Buffer): Promise<Buffer> {
        return this.#connected < 2 ? super.sendData(data) : Promise.reject(new Error('not opened'))
      }
    }
    const mute = await runCheck(targetOf(Mute, ends), { ...settings, skip: ALL })
    expect(lacks(mute)).toMatchObject({
      reconnect: 'after disconnect() and connect(), data does not get through both ways'
    })
    const declared = { money: true, reconnect: false, expiry: false }
    const { features } = await runCheck(targetOf(Lazy, ends), { ...settings, declared, skip: ALL })
    expect(features.money).toEqual({ supported: true, reason: 'declared' })
    expect(features.reconnect).toEqual({ supported: false, reason: 'declared' })
  })

  it('says what a feature failed of when it was tried out', async () => {
    class Broken extends PairPlugin {
      override connect(): Promise<void> {
        return new Promise(() => undefined)
      }
      override sendMoney(): Promise<void> {
        return Promise.reject(new Error('no money'))
      }
    }
    class Poor extends PairPlugin {
      override sendMoney(): Promise<void> {
        return Promise.reject(new Error('no money'))
      }
    }
    const declared = { reconnect: false, expiry: false }
    const broken = await runCheck(targetOf(Broken, ends), { ...settings, declared, skip: ALL })
    expect(broken.features.money.reason).toBe('it hangs when it is tried out')
    class Silent extends PairPlugin {
      override sendData(): Promise<Buffer> {
        return new Promise(() => undefined)
      }
    }
    const silent = await runCheck(targetOf(Silent, ends), { ...settings, declared: { money: false }, skip: ALL })
    expect(silent.features.expiry.reason).toBe('a prepare that is not answered does not end at its expiry')
    const poor = await runCheck(targetOf(Poor, ends), { ...settings, declared, skip: ALL })
    expect(poor.features.money.reason).toBe('no money')
  })

  it('runs a plugin alone, or with the mirror that it has', async () => {
    const alone = await runCheck(targetOf(PairPlugin, { options: ends.options }), { ...settings, skip: ALL })
    expect(lacks(alone)).toMatchObject({ peer: 'no peer: give --peer-options', money: 'no peer: give --peer-options' })
    class Mirrored extends PairPlugin {
      readonly mirror: PairPlugin
      constructor(options: { port: number }) {
        super(options)
        this.mirror = new PairPlugin(options)
      }
    }
    const mirrored = await runCheck(targetOf(Mirrored, { options: ends.options }), { ...settings, skip: ALL })
    expect(mirrored.features.peer).toEqual({ supported: true, reason: 'by the options' })
    class Other extends PairPlugin {
      readonly mirror = { frame: 'gold' }
    }
    const other = await runCheck(targetOf(Other, { options: ends.options }), { ...settings, skip: ALL })
    expect(other.features.peer.supported).toBe(false)
  })

  it('gives each plugin its services as a connector does', async () => {
    const seen: unknown[] = []
    class Noting extends PairPlugin {
      constructor(options: { port: number; _store?: unknown }, services?: object) {
        super(options)
        seen.push([Object.keys(options), Object.keys(services ?? {})])
      }
    }
    await runCheck(targetOf(Noting, { options: ends.options }), { ...settings, skip: ALL })
    expect(seen[0]).toEqual([
      ['_store', '_log', 'port'],
      ['store', 'log']
    ])
  })

  it('counts errors that nobody catches between the cases, too', async () => {
    class Leaky extends PairPlugin {
      override async sendMoney(): Promise<void> {
        process.emit('uncaughtException', new Error('leaked'))
        return Promise.resolve()
      }
    }
    // the test framework listens, too, and would take it for a fault of its own
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const others = but('C72', ALL)
    try {
      const verdict = await runCheck(targetOf(Leaky, ends), { ...settings, skip: others })
      expect(verdict.passed).toBe(false)
      expect(verdict.rows.at(-1)).toMatchObject({ clause: 'C72', bare: { status: 'failed', reason: 'leaked' } })
      expect(process.listeners('uncaughtException')).toEqual([])
      // of a plugin that is known for it
      for (const known of ['C72', 'C72 leaves no error to nobody, between the cases either']) {
        const { passed, rows } = await runCheck(targetOf(Leaky, ends), {
          ...settings,
          skip: { ...others, [known]: 'late answers' }
        })
        expect(rows.at(-1)?.bare).toEqual({ status: 'not supported', reason: 'late answers' })
        expect(passed).toBe(true)
      }
      // a case that is running tells of its own
      const skip = but('C49', ALL)
      const { rows } = await runCheck(targetOf(Leaky, ends), { ...settings, declared: { money: true }, skip })
      expect(rows.filter(({ bare }) => bare.status === 'failed')).toMatchObject([{ clause: 'C49' }])
    } finally {
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  })

  it('lets go of its ports when a plugin cannot be made for a case', async () => {
    let made = 0
    class Once extends PairPlugin {
      constructor(options: { port: number }) {
        super(options)
        if (++made > 3) throw new Error('once only')
      }
    }
    const check = runCheck(targetOf(Once, ends), settings)
    await expect(check).rejects.toThrow('The plugin cannot be made of these --options: once only')
  })

  it('refuses what makes no plugin, without a word of its secrets', async () => {
    class Refusing extends EventEmitter {
      constructor({ secret }: { secret: string }) {
        super()
        throw Object.assign(new Error(`bad ${secret}`), { stack: `Error: bad ${secret}\n    at here` })
      }
    }
    const refused = runCheck(targetOf(Refusing, { options: '{"secret":"canary"}' }), settings)
    await expect(refused).rejects.toMatchObject({
      message: 'The plugin cannot be made of these --options: bad ***',
      stack: 'The plugin cannot be made of these --options: Error: bad ***\n    at here'
    })
    class Strange extends EventEmitter {
      constructor() {
        super()
        throw 'canary'
      }
    }
    await expect(runCheck(targetOf(Strange, {}), settings)).rejects.toThrow('these --options: canary')
    await expect(runCheck(targetOf(EventEmitter, {}), settings)).rejects.toThrow(
      'Expected a plugin class, but its instances have neither sendData nor sendTransfer'
    )
  })
})

describe('ilp-wrap check', () => {
  async function run(args: string[], isTTY = false): Promise<{ code: number; out: string; err: string }> {
    const streams = {
      out: Object.assign(new PassThrough(), { isTTY }),
      err: Object.assign(new PassThrough(), { isTTY })
    }
    const text = { out: '', err: '' }
    for (const name of ['out', 'err'] as const) streams[name].on('data', (chunk) => (text[name] += String(chunk)))
    const code = await runCommand(['check', ...args], streams)
    await new Promise((resolve) => setImmediate(resolve))
    return { code, ...text }
  }

  it('prints a table, the reasons and the sums, and gives 1 for a plugin that fails', async () => {
    const { code, out, err } = await run(['ilp-plugin-mirror', '--timeout', '500'])
    expect([code, err]).toEqual([1, ''])
    expect(out).toContain('ilp-plugin-mirror, a plugin of version 2\n')
    expect(out).toMatch(/│ C52 +│ registers a data handler, and refuses a second one +│ failed +│ passed +│/)
    expect(out).toContain('  lose: no {link} in the options\n')
    expect(out).toContain('  C4 is not made of bad options (bare): no --bad-options\n')
    expect(out).toContain('  C9 connect() returns a promise of undefined: expected undefined, got null\n')
    expect(out).toContain('wrapped: 45 passed, 16 failed, 12 not supported\n')
    // eslint-disable-next-line no-control-regex -- colours are control characters
    expect(out).not.toMatch(/\u001b/)
  })

  it('gives 0 when no case has failed, and says so to programs', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ilp-wrap-check-'))
    closing.push(() => rmSync(directory, { recursive: true }))
    const junit = join(directory, 'report.xml')
    const module = fixture('plugins.cjs')
    const args = [
      module,
      '--export',
      'Version2',
      '--without',
      'reconnect,money',
      '--supports',
      'expiry',
      ...only('C1', 'C2')
    ]
    const { code, out } = await run([...args, '--json', '--junit', junit])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      plugin: module,
      version: 2,
      passed: true,
      counts: { bare: { failed: 0 }, wrapped: { failed: 0 } },
      features: { reconnect: { supported: false, reason: 'declared' }, expiry: { supported: true } },
      cases: expect.arrayContaining([
        { clause: 'C2', title: 'has the methods of the interface', ...both({ status: 'passed' }) },
        { clause: 'C17', title: expect.any(String) as string, ...both({ status: 'not supported', reason: 'left out' }) }
      ]) as unknown
    })
    expect(readFileSync(junit, 'utf8')).toContain('<testcase classname="')
    expect((await run([...args, '--junit'])).out).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites>\n/)
  })

  it('takes the class of an ES module, too', async () => {
    const { code, out } = await run([fixture('modern-plugin.mjs'), ...only('C1')])
    expect(code).toBe(0)
    expect(out).toContain('modern-plugin.mjs, a plugin of version 2')
  })

  it('shows a bar and colours on a terminal alone', async () => {
    const { code, err } = await run(['ilp-plugin-mirror', '--without', 'money,reconnect,expiry', ...only('C1')], true)
    expect(code).toBe(0)
    expect(err).toContain('checking [')
  })

  it('prints no secret, wherever a plugin puts it', async () => {
    const options = '{"server":"btp+ws://me:hunter2@127.0.0.1:{port}","secret":"canary"}'
    const { code, err } = await run([fixture('telling.cjs'), '--options', options])
    expect(code).toBe(1)
    expect(err).toMatch(/^ilp-wrap: The plugin cannot be made of these --options: no luck with \*\*\* at .*\n$/)
    expect(err).not.toMatch(/hunter2|canary/)
  })

  it('refuses bad arguments in one line, naming them', async () => {
    for (const [args, message] of [
      [['not-a-plugin'], 'Expected `plugin` to be the name or path of an installed plugin, got `not-a-plugin`'],
      [['ilp-plugin-mirror', '--export', 'Nobody'], 'exports no function `Nobody`'],
      [['ilp-plugin-mirror', '--options', '{"secret":"canary"'], 'Expected --options to be JSON, with {port}'],
      [['ilp-plugin-mirror', '--peer-options', '[]'], 'Expected --peer-options to be a JSON object'],
      [['ilp-plugin-mirror', '--bad-options', 'null'], 'Expected --bad-options to be a JSON object'],
      [['ilp-plugin-mirror', '--supports', 'luck'], 'Expected some of peer, money'],
      [['ilp-plugin-mirror', '--skip', 'C17'], 'Expected a clause, = and the reason.'],
      [['ilp-plugin-mirror', '--skip', 'C99=gone'], 'Expected `skip` to be clauses'],
      [['ilp-plugin-mirror', '--timeout', '0'], 'Expected milliseconds, a whole number above zero.'],
      [[], "missing required argument 'plugin'"]
    ] as const) {
      const { code, err } = await run([...args])
      expect(code).toBe(1)
      expect(err).toContain(message)
      expect(err.trim().split('\n')).toHaveLength(1)
      expect(err).not.toContain('canary')
    }
    expect((await run(['--help'])).out).toContain('Examples:')
  })
})

describe('the places of loopback', () => {
  async function refused(port: number): Promise<boolean> {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return false
    } catch {
      return true
    } finally {
      socket.destroy()
    }
  }

  /** A connection over the line, until it is lost. */
  async function lost(line: Line): Promise<void> {
    const socket = connect(line.port, '127.0.0.1')
    await once(socket, 'connect')
    const closed = once(socket, 'close')
    // the line may see it a little later
    const losing = setInterval(() => line.lose(), 1)
    await closed
    clearInterval(losing)
  }

  it('lead to a port, until the line is broken', async () => {
    const end = await openLink(0)
    const line = await Line.open(end.port)
    closing.push(
      () => line.close(),
      () => end.close()
    )
    expect(await refused(line.port)).toBe(false)
    line.refuse()
    expect(await refused(line.port)).toBe(true)
    await line.heal()
    expect(await refused(line.port)).toBe(false)
    // who comes before anybody listens is not sent away
    const port = await freePort()
    const early = await Line.open(port)
    await lost(early)
    const last = connect(early.port, '127.0.0.1')
    await once(last, 'connect')
    const server = createServer((socket) => socket.end('here')).listen(port, '127.0.0.1')
    closing.push(
      () => early.close(),
      () => server.close()
    )
    expect(String((await once(last, 'data'))[0])).toBe('here')
    line.silence()
    await lost(line)
    const leaving = connect(line.port, '127.0.0.1')
    await once(leaving, 'connect')
    leaving.resetAndDestroy()
    await line.heal()
    expect(await refused(line.port)).toBe(false)
  })

  it('get a port that nobody else listens on, and none twice', async () => {
    const first = await freePort()
    const blocker = await openLink(0, first + 1)
    closing.push(() => blocker.close())
    expect(await freePort()).toBe(first + 2)
    const next = await openLink(0, first + 3)
    closing.push(() => next.close())
    await expect(freePort(1)).rejects.toThrow('EADDRINUSE')
  })

  it('stand in the options where their names are', async () => {
    const texts = { plugin: '{"a":{port},"b":"{rpc}"}', peer: '{"a":"btp+ws://127.0.0.1:{link}","b":"{rpc}"}' }
    const places = await Places.open(texts)
    closing.push(() => places.close())
    const [plugin, peer] = [places.fill('plugin', texts.plugin), places.fill('peer', texts.peer)]
    const numbers = places.numbers.map(([number]) => number)
    expect(places.numbers.map(([, placeholder]) => placeholder)).toEqual(['{port}', '{link}', '{rpc}', '{rpc}'])
    expect(plugin).toBe(`{"a":${numbers[0]},"b":"http://127.0.0.1:${numbers[3]}/rpc"}`)
    expect(peer).toBe(`{"a":"btp+ws://127.0.0.1:${numbers[1]}","b":"http://127.0.0.1:${numbers[2]}/rpc"}`)
  })

  it('take the requests for a plugin that is connected', async () => {
    const endpoint = await RpcEndpoint.open()
    closing.push(() => endpoint.close())
    const post = async (query: string, body: string): Promise<string> => {
      const response = await fetch(`${endpoint.uri}${query}`, { method: 'POST', body })
      return `${response.status} ${await response.text()}`
    }
    const nobody = '422 Error: nobody is connected here'
    expect(await post('?method=add', '[1,2]')).toBe(nobody)
    endpoint.serve({ isConnected: () => true })
    expect(await post('?method=add', '[1,2]')).toBe(nobody)
    let connected = false
    endpoint.serve({ isConnected: () => connected, receive: (method, params) => ({ method, params }) })
    expect(await post('?method=add', '[1,2]')).toBe(nobody)
    connected = true
    expect(await post('?method=add', '[1,2]')).toBe('200 {"method":"add","params":[1,2]}')
    expect(await post('', '[]')).toBe('200 {"method":"","params":[]}')
    expect(await post('', '[')).toContain('422 SyntaxError')
  })
})

describe('the words that are printed', () => {
  it('have no secrets in them, in no form that a plugin gives them', () => {
    const words = new Words()
    words.hide({
      server: 'btp+ws://me:pass%20word@example.com',
      proxy: 'http://:proxyword@example.com',
      peers: [{ authToken: 'abcdef"123' }],
      secret: 'x',
      pin: 1234,
      credentials: { user: 'someone', remember: true, none: '' },
      name: 'public'
    })
    expect(words.clean('btp+ws://you:other@example.com')).toBe('btp+ws://***@example.com')
    expect(words.clean('pass%20word, pass word, me, proxyword')).toBe('***, ***, ***, ***')
    expect(words.clean(`zabcdef"123z ${JSON.stringify('abcdef"123')}`)).toBe('z***z "***"')
    expect(words.clean('x expects 1234 of someone, not 12345')).toBe('*** expects *** of ***, not 12345')
    expect(words.clean('true public')).toBe('true public')
    words.hide(undefined)
    expect(words.clean('undefined')).toBe('undefined')
  })

  it('are one line, say what was expected, and have placeholders for ports', () => {
    const words = new Words()
    words.number('40123', '{port}')
    expect(words.of(new Error('connect ECONNREFUSED\n  127.0.0.1:40123'))).toBe('connect ECONNREFUSED 127.0.0.1:{port}')
    expect(words.of(new Error('1401239'))).toBe('1401239')
    expect(words.of(new TypeError())).toBe('TypeError')
    expect(words.of(undefined)).toBe('undefined')
    const thrown = (check: () => void): unknown => {
      try {
        check()
      } catch (error) {
        return error
      }
      return undefined
    }
    expect(words.of(thrown(() => assert.equal(1, 2)))).toBe('expected 2, got 1')
    expect(words.of(thrown(() => assert.deepEqual([1, 2, 3, 4, 5], { a: 'b' })))).toBe(
      "expected { a: 'b' }, got [ 1, 2, 3, 4, ... 1 more item ]"
    )
    expect(words.of(thrown(() => assert.equal(1, 2, 'in my words')))).toBe('in my words: expected 2, got 1')
    expect(words.of(thrown(() => assert.ok(false, 'no')))).toBe('no')
    expect(words.of(thrown(() => assert.match('a', /b/)))).toContain('did not match')
  })

  it('are what XML can hold', () => {
    const failed = { status: 'failed', reason: '<a> & "b" \u0000 \ud800' } as const
    const xml = verdictJunit('p & q', { ...VERDICT, rows: [{ clause: 'C1', title: '<1>', ...both(failed) }] })
    expect(xml).toContain('<testsuite name="p &#38; q bare" tests="1" failures="1" skipped="0">')
    expect(xml).toContain('<testcase classname="p &#38; q wrapped" name="C1 &#60;1&#62;">')
    expect(xml).toContain('<failure message="&#60;a&#62; &#38; &#34;b&#34; \ufffd \ufffd"/>')
  })

  it('are cut where they get long, and painted where there are colours', () => {
    const rows = [
      { clause: 'C1', title: 'is so', ...both({ status: 'failed', reason: 'a'.repeat(300) } as const) },
      { clause: 'C2', title: 'is thus', ...both({ status: 'passed' } as const) },
      { clause: 'C3', title: 'is not', ...both({ status: 'not supported', reason: 'does not support money' } as const) }
    ]
    const text = verdictText('p', { ...VERDICT, version: 1, rows }, true)
    expect(text).toContain('p, a plugin of version 1, with compat()')
    expect(text).toContain(`  C1 is so: ${'a'.repeat(200)}…\n`)
    expect(text).toContain('\u001b[32mpassed')
    // a feature that is missing is said once
    expect(text).not.toContain('C3 is not: ')
    expect(verdictText('p', { ...VERDICT, rows: rows.slice(1, 2) }, false)).not.toMatch(/Failed|Not supported/)
  })
})
