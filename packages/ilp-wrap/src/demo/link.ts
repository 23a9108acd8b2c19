import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** A TCP link on loopback that can be cut: what connects to `port` is joined to the port that it leads to. */
export interface Link {
  readonly port: number
  /** Drops every connection at once; new ones are taken. */
  cut(): void
  close(): Promise<void>
}

export async function openLink(target: number): Promise<Link> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    bridge(near, connect(target, '127.0.0.1'), sockets)
  })
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
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

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const link = await openLink(0)
  await link.close()
  return link.port
}
