/**
 * Redis or Valkey servers for tests and benches: each on a free port of this machine, with a directory of its own that
 * goes with it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../ilp-wrap/dist/demo/link.js'

/** The program that is installed; undefined if none is. */
export const program = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)

/** @type {Set<RedisServer>} */
const running = new Set()
// a test that fails leaves none behind
process.on('exit', () => {
  for (const server of running) server.kill('SIGKILL')
})

export class RedisServer {
  /** @type {number} */
  port
  #directory = mkdtempSync(join(tmpdir(), 'ilp-wrap-redis-'))
  /** @type {string[]} */
  #args
  #sign
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child

  /**
   * @param {number} port
   * @param {string[]} args
   * @param {string} [sign] what it says once it is there
   */
  constructor(port, args, sign = 'Ready to accept connections') {
    this.port = port
    this.#args = args
    this.#sign = sign
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts it, the first time or again; what it has kept on disk is there again. */
  async start() {
    // a Sentinel keeps what it knows in the file
    const file = join(this.#directory, 'server.conf')
    writeFileSync(file, `port ${this.port}\nbind 127.0.0.1\ndir ${this.#directory}\n`)
    const child = spawn(/** @type {string} */ (program), [file, ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    this.#child = child
    running.add(this)
    let output = ''
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      output += chunk
      if (output.includes(this.#sign)) {
        child.stdout.resume()
        return
      }
    }
    throw new Error(`${program} did not start:\n${output}`)
  }

  /** @param {NodeJS.Signals} signal */
  kill(signal) {
    this.#child?.kill(signal)
  }

  /** Ends at once, as in a crash. */
  async crash() {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    running.delete(this)
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  async stop() {
    await this.crash()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/**
 * Starts a server with these arguments besides the usual ones; without any it keeps nothing on disk.
 * @param {...string} args
 */
export async function startRedis(...args) {
  return started(new RedisServer(await freePort(), ['--save', '', ...args]))
}

/**
 * Starts a Sentinel that alone decides on who is the master of this name, and does so soon.
 * @param {string} name
 * @param {RedisServer} master
 */
export async function startSentinel(name, master) {
  const rules = [
    `monitor ${name} 127.0.0.1 ${master.port} 1`,
    `down-after-milliseconds ${name} 200`,
    `failover-timeout ${name} 2000`
  ]
  const args = rules.flatMap((rule) => ['--sentinel', ...rule.split(' ')])
  return started(new RedisServer(await freePort(), ['--sentinel', ...args], '+monitor'))
}

/** @param {RedisServer} server */
async function started(server) {
  await server.start()
  return server
}
