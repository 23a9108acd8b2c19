import type { PluginClass, PluginV2 } from '@ilp-wrap/core'

/**
 * What the demo uses of the packages of others that it runs on. They are no dependency of `ilp-wrap`, which works
 * without them, and the types of ilp-protocol-stream do not pass today's compiler.
 */
export interface DemoPackages {
  PluginBtp: PluginClass
  startServer: (options: { plugin: PluginV2; serverSecret: Buffer }) => Promise<StreamServer>
  startConnection: (options: {
    plugin: PluginV2
    destinationAccount: string
    sharedSecret: Buffer
    maximumPacketAmount: string
  }) => Promise<StreamConnection>
}

export interface StreamServer {
  generateAddressAndSecret(): { destinationAccount: string; sharedSecret: Buffer }
  on(event: 'connection', listener: (connection: StreamConnection) => void): void
}

export interface StreamConnection {
  readonly totalDelivered: string
  createStream(): StreamMoney
  end(): Promise<void>
  on(event: 'stream', listener: (stream: StreamMoney) => void): void
  on(event: 'error', listener: (error: Error) => void): void
}

export interface StreamMoney {
  setReceiveMax(amount: string): void
  sendTotal(amount: string): Promise<void>
  on(event: 'money', listener: (amount: string) => void): void
}

interface StreamModule {
  createServer: DemoPackages['startServer']
  createConnection: DemoPackages['startConnection']
  DataAndMoneyStream: { prototype: object }
}

/** @throws Error that says what to install when a package is missing */
export async function loadDemoPackages(load: Load = (name) => import(name)): Promise<DemoPackages> {
  // CommonJS, whose `default` is what it exports
  const btp = (await orSayWhatToInstall('ilp-plugin-btp', load)) as { default: PluginClass }
  const stream = (await orSayWhatToInstall('ilp-protocol-stream', load)) as StreamModule
  // ilp-protocol-stream 2.7 assigns `closed`, which streams of newer Node versions have as a getter only
  Object.defineProperty(stream.DataAndMoneyStream.prototype, 'closed', {
    value: false,
    writable: true,
    configurable: true
  })
  return { PluginBtp: btp.default, startServer: stream.createServer, startConnection: stream.createConnection }
}

type Load = (name: string) => Promise<unknown>

async function orSayWhatToInstall(name: string, load: Load): Promise<unknown> {
  try {
    return await load(name)
  } catch (cause) {
    throw new Error(`The demo needs ${name}: npm install ilp-plugin-btp ilp-protocol-stream`, { cause })
  }
}
