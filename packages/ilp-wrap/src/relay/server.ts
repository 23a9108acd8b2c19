import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InvalidFieldsError } from '@ilp-wrap/core'
import type { AnyRegistry } from '@ilp-wrap/metrics'

/** What `GET /health` tells. */
export interface Health {
  readonly version: string
  readonly draining: boolean
  /** Requests and payments that are under way. */
  readonly underWay: number
  readonly left: { readonly account: string; readonly connected: boolean }
  readonly right: { readonly account: string; readonly connected: boolean }
}

export interface StatusServer {
  readonly port: number
  close(): Promise<void>
}

const HOST = '127.0.0.1'

/**
 * Answers `GET /health` and `GET /metrics`, on loopback alone.
 *
 * @throws InvalidFieldsError naming `http.port` when the port cannot be had
 */
export async function openStatusServer(
  port: number,
  health: () => Health,
  registry: AnyRegistry
): Promise<StatusServer> {
  const pages: Readonly<Record<string, () => Page | Promise<Page>>> = {
    '/health': () => healthPage(health()),
    '/metrics': async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() })
  }
  const server = createServer((request, response) => {
    void answer(pages, request, response)
  })
  try {
    await new Promise<void>((resolve, reject) => {
      // it stays: of an error later, such as one of taking a connection, a relay does not end
      server.on('error', reject)
      server.listen(port, HOST, resolve)
    })
  } catch (cause) {
    throw new InvalidFieldsError(`\`http.port\`: ${(cause as Error).message}`, { cause })
  }
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

function healthPage(health: Health): Page {
  const isWell = health.left.connected && health.right.connected && !health.draining
  return { status: isWell ? 200 : 503, type: 'application/json', body: `${JSON.stringify(health)}\n` }
}

async function answer(
  pages: Readonly<Record<string, () => Page | Promise<Page>>>,
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse
): Promise<void> {
  const { status, type, body } = await pageOf(pages, method, url.split('?')[0] as string)
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}

async function pageOf(
  pages: Readonly<Record<string, () => Page | Promise<Page>>>,
  method: string,
  path: string
): Promise<Page> {
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  if (page === undefined) return text(404, 'Expected /health or /metrics')
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'Expected GET')
  try {
    return await page()
  } catch {
    return text(500, 'The measures could not be read')
  }
}

function text(status: number, message: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body: `${message}\n` }
}
