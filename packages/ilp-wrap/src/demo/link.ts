import { randomInt } from 'node:crypto'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** A TCP link on loopback that can be cut: what connects to `port` is joined to the port that it leads to. */
export interface Link {
  readonly port: number
  /** Drops every connection at once; new ones are taken. */
  cut(): void
  close(): Promise<void>
}

/** Over `port`, or over one that the system picks. */
export async function openLink(target: number, port: number = 0): Promise<Link> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    bridge(near, connect(target, '127.0.0.1'), sockets)
  })
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    close: () => {
      cut()
      return new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
      })
    }
  }
}

/** Joins two sockets. While they live, both are among `sockets`. */
export function bridge(near: Socket, far: Socket, sockets: Set<Socket>): void {
  for (const [socket, other] of [
    [near, far],
    [far, near]
  ] as const) {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.pipe(other)
    socket.on('error', () => {
      other.destroy()
    })
    socket.on('close', () => {
      sockets.delete(socket)
      other.destroy()
    })
  }
}

/**
 * Below the ports that systems pick (from 32768 on Linux, from 49152 elsewhere): those are given out twice once they
 * are free for a moment. Each process goes its own way through them. A node of a Redis Cluster listens at 10,000 above,
 * too, where none of these is.
 */
const FIRST_PORT = 12_000
const PORTS = 10_000
let taken = randomInt(PORTS)

/** A port of loopback that was free a moment ago, and that nobody who asks in this way gets again soon. */
export async function freePort(tries: number = PORTS): Promise<number> {
  const port = FIRST_PORT + (taken++ % PORTS)
  try {
    const link = await openLink(0, port)
    await link.close()
    return port
  } catch (error) {
    if (tries <= 1) throw error
    return freePort(tries - 1)
  }
}
