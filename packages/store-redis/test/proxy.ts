import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** What the proxy does with a piece of data that comes from Redis, or goes to it. */
export type Fate = 'pass' | 'cut'

/** A way to Redis that the test can cut: between a command and its answer, or before the command. */
export class Proxy {
  /** The port that the next connection goes to. */
  target: number
  /** Asked for each piece of data; `cut` drops it and ends the connection. */
  fate: (direction: 'command' | 'answer', data: Buffer) => Fate = () => 'pass'
  cuts = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(target: number) {
    this.target = target
    this.#server = createServer((client) => {
      const redis = connect(this.target, '127.0.0.1')
      const end = (): void => {
        for (const socket of [client, redis]) {
          socket.destroy()
          this.#sockets.delete(socket)
        }
      }
      for (const [from, to, direction] of [
        [client, redis, 'command'],
        [redis, client, 'answer']
      ] as const) {
        this.#sockets.add(from)
        from.on('error', end).on('close', end)
        from.on('data', (data: Buffer) => {
          if (this.fate(direction, data) === 'pass') {
            to.write(data)
            return
          }
          this.cuts++
          end()
        })
      }
    })
  }

  static async to(port: number): Promise<Proxy> {
    const proxy = new Proxy(port)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
