import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { systemClock } from '@ilp-wrap/core'
import type { Network } from '@ilp-wrap/testing'
import { bridge } from '../demo/link.js'

/** How soon it tries again to reach where it leads to, while nobody listens there. */
const RETRY_MS = 5

/**
 * A port of loopback that leads to another one, until the suite breaks it. Who connects before anybody listens at the
 * other end waits here, and need not try again.
 */
export class Line implements Required<Network> {
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((near) => {
    this.#take(near)
  })
  #port = 0
  #silent = false

  private constructor(target: number) {
    this.#target = target
  }

  static async open(target: number): Promise<Line> {
    const line = new Line(target)
    await line.#listen()
    return line
  }

  get port(): number {
    return this.#port
  }

  lose(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  refuse(): void {
    this.#server.close()
  }

  silence(): void {
    this.#silent = true
  }

  async heal(): Promise<void> {
    this.#silent = false
    if (!this.#server.listening) await this.#listen()
  }

  close(): void {
    this.#server.close()
    this.lose()
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  #take(near: Socket): void {
    this.#sockets.add(near)
    near.on('error', () => near.destroy())
    near.on('close', () => this.#sockets.delete(near))
    // nothing is answered, but that the other end hangs up is seen
    if (this.#silent) near.resume()
    else void this.#lead(near)
  }

  async #lead(near: Socket): Promise<void> {
    while (!near.destroyed) {
      const far = connect(this.#target, '127.0.0.1')
      try {
        await once(far, 'connect')
        bridge(near, far, this.#sockets)
        return
      } catch {
        await new Promise<void>((resolve) => systemClock.setTimeout(resolve, RETRY_MS))
      }
    }
  }
}
