import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A plugin of version 1 that talks to its peer by HTTP has its host take the requests for it. */
export interface RpcPlugin {
  isConnected(): boolean
  receive?(method: string, params: readonly unknown[]): unknown
}

/**
 * The HTTP endpoint that a connector of version 1 kept for its plugins: `POST …?method=name`, with the parameters as a
 * JSON array, calls `plugin.receive(name, params)`.
 */
export class RpcEndpoint {
  readonly #server = createServer((request, response) => {
    void this.#answer(request, response)
  })
  #plugin: RpcPlugin | undefined

  static async open(): Promise<RpcEndpoint> {
    const endpoint = new RpcEndpoint()
    endpoint.#server.listen(0, '127.0.0.1')
    await once(endpoint.#server, 'listening')
    return endpoint
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get uri(): string {
    return `http://127.0.0.1:${this.port}/rpc`
  }

  serve(plugin: RpcPlugin): void {
    this.#plugin = plugin
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const method = new URL(String(request.url), this.uri).searchParams.get('method') ?? ''
      const params = JSON.parse(await text(request)) as unknown[]
      const plugin = this.#plugin
      if (plugin?.receive === undefined || !plugin.isConnected()) throw new Error('nobody is connected here')
      const result = await plugin.receive(method, params)
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result))
    } catch (error) {
      response.writeHead(422).end(String(error))
    }
  }
}
