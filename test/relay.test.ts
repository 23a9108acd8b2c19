import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { defineMiddleware, systemClock, wrap } from '@ilp-wrap/core'
import type { PluginV2 } from '@ilp-wrap/core'
import { prepare } from '@ilp-wrap/testing'
import { rejectCode, rejectData } from '@ilp-wrap/core/packet'
import { errorToReject, expire, renewable, retry } from 'ilp-wrap'
import { freePort } from '../packages/ilp-wrap/src/demo/link.js'
import { loadDemoPackages } from '../packages/ilp-wrap/src/demo/packages.js'

/**
 * `ilp-wrap relay` as it is meant to be used, each in a process of its own: payer (the test) — ilp-connector 23 — the
 * relay — a STREAM server, over BTP throughout. The relay runs examples/relay/relay.json.
 */

const bin = fileURLToPath(new URL('../packages/ilp-wrap/dist/bin.js', import.meta.url))
const endScript = fileURLToPath(new URL('children/relay-end.js', import.meta.url))
const example = readFileSync(new URL('../examples/relay/relay.json', import.meta.url), 'utf8')

const TOTAL = 1_000_000n

async function waitUntil(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = systemClock.now() + 30_000
  while (!(await holds())) {
    if (systemClock.now() > end) throw new Error('It did not come about in time')
    await sleep(10)
  }
}

type Connection = Readonly<Record<'address' | 'sharedSecret', string>>
type Line = Readonly<{ ready?: boolean; money?: string; connections?: readonly Connection[] }> | string

/** A process, and what it has said on standard output. */
class Child {
  readonly lines: Line[] = []
  readonly errors: string[] = []
  readonly exited: Promise<unknown>
  readonly process: ChildProcess

  constructor(args: readonly string[], cwd: string) {
    this.process = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    this.exited = once(this.process, 'exit')
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line.startsWith('{') ? (JSON.parse(line) as Line) : line)
    })
    createInterface({ input: this.process.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      this.errors.push(line)
    })
    children.push(this)
  }

  /** What a server says that its senders need, one for each connection. */
  async connections(): Promise<readonly Connection[]> {
    const find = (): readonly Connection[] =>
      this.lines.flatMap((line) => (typeof line === 'object' ? (line.connections ?? []) : []))
    await waitUntil(() => find().length > 0)
    return find()
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.exited
  }

  get received(): bigint {
    return this.lines.reduce((sum, line) => sum + BigInt(typeof line === 'object' ? (line.money ?? 0) : 0), 0n)
  }
}

const children: Child[] = []
let folder = ''
const plugins: PluginV2[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ilp-wrap-relay-'))
})

afterEach(async () => {
  await Promise.all(plugins.splice(0).map((plugin) => plugin.disconnect()))
  await Promise.all(children.splice(0).map((child) => child.kill()))
  rmSync(folder, { recursive: true })
})

/** The processes of one payment, each of which can be started again. */
async function setup() {
  const ports = { payer: await freePort(), left: await freePort(), right: await freePort(), http: await freePort() }
  const file = join(folder, 'relay.json')
  const config = example
    .replace('7768', String(ports.left))
    .replace('7769', String(ports.right))
    .replace('9100', String(ports.http))
  writeFileSync(file, config)
  const secret = randomBytes(32).toString('hex')
  const starts = {
    connector: () => new Child([endScript, 'connector', String(ports.payer), String(ports.left)], folder),
    relay: () => new Child([bin, 'relay', 'relay.json'], folder),
    server: () => new Child([endScript, 'server', String(ports.right), secret], folder)
  }
  const get = async (path: string): Promise<{ status: number; text: string }> => {
    const response = await fetch(`http://127.0.0.1:${ports.http}${path}`)
    return { status: response.status, text: await response.text() }
  }
  const healthy = (): Promise<void> =>
    waitUntil(async () => (await get('/health').catch(() => ({ status: 0 }))).status === 200)
  return { ports, file, config, starts, get, healthy }
}

/** The payer's side: what it cannot send now waits, and is answered T01 in the end. It can be held back. */
async function payerOf(port: number) {
  const { PluginBtp, startConnection } = await loadDemoPackages()
  const server = `btp+ws://:payer-secret@127.0.0.1:${port}`
  let gate = Promise.resolve()
  let open = 0
  const valve = defineMiddleware({ name: 'valve', place: {} }, () => ({
    async sendData(data, next) {
      await gate
      open++
      return next(data).finally(() => open--)
    }
  }))
  return {
    startConnection,
    /** A plugin of its own for each connection, since one that fails disconnects it. */
    async plugin(): Promise<PluginV2> {
      const plugin = wrap(
        renewable(() => new PluginBtp({ server, reconnectInterval: 50 })),
        [
          expire(),
          retry({ backoff: { baseMs: 10 }, waitForConnect: { maxMs: 20_000 } }),
          errorToReject({ outgoing: true }),
          valve
        ]
      )
      plugins.push(plugin)
      await plugin.connect()
      return plugin
    },
    /** Lets nothing go out until it is released, and waits until all that has gone is answered. */
    async pause(): Promise<() => void> {
      let release!: () => void
      gate = new Promise((resolve) => {
        release = resolve
      })
      // one that has found the old gate open may be about to go
      do await sleep(1)
      while (open > 0)
      return release
    }
  }
}

/** What the registry of the relay says of a metric, by account. */
function metric(text: string, name: string): Record<string, number> {
  const lines = [...text.matchAll(new RegExp(`^ilp_wrap_${name}\\{.*account="([^"]+)".*\\} (\\S+)$`, 'gm'))]
  return Object.fromEntries(lines.map(([, account = '', value]) => [account, Number(value)]))
}

it(
  'pays 1,000,000 units although connector, relay and server are killed on the way, and obeys signals',
  { timeout: 180_000 },
  async () => {
    const { ports, file, config, starts, get, healthy } = await setup()
    let connector = starts.connector()
    let relay = starts.relay()
    // there is no server yet: it waits for it
    await waitUntil(() => relay.lines.length > 0)
    expect((await get('/health')).status).toBe(503)
    const server = starts.server()
    const servers = [server]
    await healthy()
    const connections = await server.connections()
    const payer = await payerOf(ports.payer)
    const received = (): bigint => servers.reduce((sum, each) => sum + each.received, 0n)

    /**
     * Pays once more what has not arrived when a connection ends before its time. Each has an address of its own, as with
     * SPSP: the server goes on with what it knows of one that it has seen, and the sender has forgotten that.
     */
    const pay = async (): Promise<void> => {
      for (const { address, sharedSecret } of connections) {
        if (received() >= TOTAL) return
        const plugin = await payer.plugin()
        const connection = await payer.startConnection({
          plugin,
          destinationAccount: address,
          sharedSecret: Buffer.from(sharedSecret, 'hex'),
          maximumPacketAmount: '2000'
        })
        // it is told by `sendTotal`, too
        connection.on('error', () => undefined)
        await connection
          .createStream()
          .sendTotal(String(TOTAL - received()))
          .catch(() => undefined)
        await plugin.disconnect()
      }
      if (received() < TOTAL) throw new Error('The payment does not come to its end')
    }
    const killAt = async (amount: bigint, kill: () => Promise<void>, restart: () => void): Promise<void> => {
      await Promise.race([waitUntil(() => received() >= amount), paid])
      // a packet that is under way when a process dies may be lost at its expiry, and a STREAM sender gives up for it
      const release = await payer.pause()
      await kill()
      await sleep(200)
      // packets find it dead
      release()
      await sleep(50)
      restart()
    }
    const paid = pay()
    await killAt(
      200_000n,
      () => relay.kill(),
      () => (relay = starts.relay())
    )
    await killAt(
      400_000n,
      () => (servers.at(-1) as Child).kill(),
      () => servers.push(starts.server())
    )
    await killAt(
      600_000n,
      () => connector.kill(),
      () => (connector = starts.connector())
    )
    await paid
    expect(received()).toBe(TOTAL)
    await healthy()
    // its books were on disk, and know of every unit
    const { text } = await get('/metrics')
    expect(metric(text, 'balance')).toEqual({ connector: 1_000_000, server: -1_000_000 })
    expect(metric(text, 'connected')).toEqual({ connector: 1, server: 1 })

    // limits are read again; a file with a mistake changes nothing
    const plugin = await payer.plugin()
    const limit = async (): Promise<bigint | undefined> => {
      const reply = await plugin.sendData(
        prepare({ amount: 200_000, destination: connections[0]?.address ?? '', expiresAt: systemClock.now() + 20_000 })
      )
      return rejectCode(reply) === 'F08' ? rejectData(reply)?.readBigUInt64BE(8) : undefined
    }
    const reload = async (text: string): Promise<Line> => {
      const count = relay.lines.length + relay.errors.length
      writeFileSync(file, text)
      relay.process.kill('SIGHUP')
      await waitUntil(() => relay.lines.length + relay.errors.length > count)
      return relay.errors[0] ?? (relay.lines.at(-1) as Line)
    }
    expect(await limit()).toBe(100_000n)
    expect(await reload(config.replace('"100000"', '"70000"'))).toBe('relay.json: limits read again')
    expect(await limit()).toBe(70_000n)
    expect(await reload(config.replace('"100000"', '-1'))).toMatch(
      /^ilp-wrap: Expected `left.middleware\[0\]\[1\].maxPacketAmount.maximum` to be /
    )
    expect(await limit()).toBe(70_000n)

    relay.process.kill('SIGTERM')
    expect(await relay.exited).toEqual([0, null])
    expect(relay.lines.at(-1)).toBe('relay ended')
  }
)

it('its page shows the example', () => {
  const page = readFileSync(new URL('../docs/relay.md', import.meta.url), 'utf8')
  expect(page).toContain(`\`\`\`json\n${example}\`\`\``)
})
