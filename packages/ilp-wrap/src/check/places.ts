import { freePort } from '../demo/link.js'
import { Line } from './line.js'
import { RpcEndpoint } from './rpc.js'

/**
 * What the options of the two ends may hold, each for where it stands on loopback this time:
 * - `{port}`: a free port, for one end to listen on and the other to connect to;
 * - `{link}`: the same for who connects: a port that leads to `{port}`, over a connection that the suite cuts, refuses
 *   and leaves unanswered. Which end that is will be found out if both say `{port}`;
 * - `{rpc}`: the HTTP endpoint of the other end, for plugins of version 1 whose host takes requests for them.
 */
export type Placeholder = 'port' | 'link' | 'rpc'

export function filled(text: string, values: Readonly<Record<Placeholder, string | number>>): string {
  return text.replaceAll(/\{(port|link|rpc)\}/g, (_, name: Placeholder) => String(values[name]))
}

export type End = 'plugin' | 'peer'

/** The options of both ends, as JSON with placeholders. */
export type Texts = Readonly<Record<End, string>>

/** What stands for the placeholders, for as long as one pair lives. */
export class Places {
  readonly port: number
  readonly line: Line | undefined
  readonly #endpoints: Readonly<Record<End, RpcEndpoint>> | undefined

  private constructor(port: number, line: Line | undefined, endpoints: Record<End, RpcEndpoint> | undefined) {
    this.port = port
    this.line = line
    this.#endpoints = endpoints
  }

  static async open(texts: Texts): Promise<Places> {
    const used = `${texts.plugin}${texts.peer}`
    const port = /\{(port|link)\}/.test(used) ? await freePort() : 0
    const line = used.includes('{link}') ? await Line.open(port) : undefined
    const endpoints = used.includes('{rpc}')
      ? { plugin: await RpcEndpoint.open(), peer: await RpcEndpoint.open() }
      : undefined
    return new Places(port, line, endpoints)
  }

  /** The text for that end, with everything filled in. */
  fill(end: End, text: string): string {
    return filled(text, {
      port: this.port,
      link: this.line?.port ?? 0,
      rpc: this.#endpoints?.[end === 'plugin' ? 'peer' : 'plugin'].uri ?? ''
    })
  }

  /** The plugin of that end takes the requests for it. */
  serve(end: End, plugin: object): void {
    this.#endpoints?.[end].serve(plugin as never)
  }

  /** Which number stands for which placeholder, so that messages can be read without them. */
  get numbers(): [number: string, placeholder: string][] {
    const { plugin, peer } = this.#endpoints ?? {}
    const ports = [
      [this.port, '{port}'],
      [this.line?.port, '{link}'],
      [plugin?.port, '{rpc}'],
      [peer?.port, '{rpc}']
    ] as const
    return ports.flatMap(([port, name]) => (port === undefined || port === 0 ? [] : [[String(port), name]]))
  }

  close(): void {
    this.line?.close()
    this.#endpoints?.plugin.close()
    this.#endpoints?.peer.close()
  }
}
