/**
 * Redis or Valkey servers for tests and benches: each on a free port of this machine, with a directory of its own that
 * goes with it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
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
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child

  /**
   * @param {number} port
   * @param {string[]} args
   */
  constructor(port, args) {
    this.port = port
    this.#args = args
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts it, the first time or again; what it has kept on disk is there again. */
  async start() {
    const base = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#directory, '--save', '']
    const child = spawn(/** @type {string} */ (program), [...base, ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    this.#child = child
    running.add(this)
    let output = ''
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      output += chunk
      if (output.includes('Ready to accept connections')) {
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
  const server = new RedisServer(await freePort(), args)
  await server.start()
  return server
}
