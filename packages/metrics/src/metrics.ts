import { defineMiddleware } from '@ilp-wrap/core'
import type { Clock, Direction, Hooks, Middleware, Place, Setup } from '@ilp-wrap/core'
import { prepareAmount } from '@ilp-wrap/core/packet'
import { Registry } from 'prom-client'
import { Collector } from './collector.js'
import { Exchange } from './exchange.js'
import { Handle, NAME } from './handle.js'
import { validated } from './options.js'
import type { AnyRegistry, Config, MetricsOptions } from './options.js'
import { Source } from './source.js'
import { Tracing } from './tracing.js'
import { Money } from './traffic.js'
import type { Payments, Traffic } from './traffic.js'

export const minimalOptions: MetricsOptions = {}

/**
 * Counts packets, their value and how long they took, and payments, and shows them with the state of the stack's other
 * middleware in a registry of prom-client; writes spans for OpenTelemetry, if told so. On a packet's way nothing but plain
 * counters move.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function metrics(options?: MetricsOptions): Middleware {
  const config = validated(options)
  const place: Place = { ...(config.incoming && { incoming: 'any' }), ...(config.outgoing && { outgoing: 'any' }) }
  let shared: AnyRegistry | undefined
  const ownRegistry = (): AnyRegistry => (shared ??= new Registry())
  return defineMiddleware({ name: NAME, place }, (setup) => new Metrics(config, setup, ownRegistry))
}

type Next = (data: Buffer) => Promise<Buffer>
type NextMoney = (amount: string) => Promise<void>

/** The label of plugins that were wrapped without a name. */
const NO_ACCOUNT = 'plugin'

/** A hook that the options do not ask for is not there, and costs nothing. */
class Metrics implements Hooks {
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  readonly sendMoney: Hooks['sendMoney']
  readonly handleMoney: Hooks['handleMoney']
  readonly handle: Handle
  readonly #clock: Clock
  readonly #tracing: Tracing | undefined
  readonly #subscription: { unsubscribe(): void } | undefined

  constructor(config: Config, setup: Setup, ownRegistry: () => AnyRegistry) {
    this.#clock = setup.clock
    this.handle = handleFor(config, setup, ownRegistry)
    const { source } = this.handle
    source.plugin = setup.plugin
    if (config.trace !== false) this.#tracing = new Tracing(config.trace, setup.account ?? NO_ACCOUNT)
    if (config.outgoing) {
      source.traffic('outgoing')
      this.sendData = this.#tracing === undefined ? Metrics.#sendData : Metrics.#traceSend
    }
    if (config.incoming) {
      source.traffic('incoming')
      this.handleData = this.#tracing === undefined ? Metrics.#handleData : Metrics.#traceHandle
    }
    if (config.money && source.money === undefined) {
      source.money = new Money()
      this.sendMoney = Metrics.#sendMoney
      this.handleMoney = Metrics.#handleMoney
    }
    if (config.events && source.events === undefined) {
      source.events = new Map()
      this.#subscription = setup.events.subscribe((event) => {
        source.count(event)
      })
    }
  }

  dispose(): void {
    this.#subscription?.unsubscribe()
    this.handle.collector.delete(this.handle.source)
  }

  static #sendData(this: Metrics, data: Buffer, next: Next): Promise<Buffer> {
    return this.#pass(this.handle.source.outgoing as Traffic, data, next)
  }

  static #handleData(this: Metrics, data: Buffer, next: Next): Promise<Buffer> {
    return this.#pass(this.handle.source.incoming as Traffic, data, next)
  }

  #pass(traffic: Traffic, data: Buffer, next: Next): Promise<Buffer> {
    const exchange = Exchange.start(traffic, this.#clock, prepareAmount(data))
    const answer = next(data)
    exchange.watch(answer)
    return answer
  }

  static #traceSend(this: Metrics, data: Buffer, next: Next): Promise<Buffer> {
    const tracing = this.#tracing as Tracing
    return this.#pass(this.handle.source.outgoing as Traffic, data, (given) => tracing.pass('outgoing', given, next))
  }

  static #traceHandle(this: Metrics, data: Buffer, next: Next): Promise<Buffer> {
    const tracing = this.#tracing as Tracing
    return this.#pass(this.handle.source.incoming as Traffic, data, (given) => tracing.pass('incoming', given, next))
  }

  static #sendMoney(this: Metrics, amount: string, next: NextMoney): Promise<void> {
    return this.#pay('outgoing', amount, next)
  }

  static #handleMoney(this: Metrics, amount: string, next: NextMoney): Promise<void> {
    return this.#pay('incoming', amount, next)
  }

  #pay(direction: Direction, amount: string, next: NextMoney): Promise<void> {
    const end = (outcome: Payments['outcome']) => (): void => {
      this.handle.source.money?.add(direction, outcome, amount)
    }
    const paid = next(amount)
    paid.then(end('succeeded'), end('failed'))
    return paid
  }
}

/** A `metrics()` beneath counts for the same plugin, and both are one there: each may count a direction. */
function handleFor(config: Config, setup: Setup, ownRegistry: () => AnyRegistry): Handle {
  const { prefix, buckets } = config
  const beneath = setup.beneath(NAME) as Handle | undefined
  const labels = labelsOf(config, setup)
  const collector = Collector.of(config.registry ?? beneath?.registry ?? ownRegistry(), prefix, buckets)
  if (beneath?.collector === collector && JSON.stringify(beneath.source.labels) === JSON.stringify(labels)) {
    return beneath
  }
  const bounds = buckets?.map((seconds) => seconds * 1000)
  const source = new Source(labels, bounds, setup.plugin, setup.clock)
  collector.add(source)
  return new Handle(collector, source)
}

function labelsOf({ labels }: Config, { account }: Setup): Readonly<Record<string, string>> {
  return { ...labels, account: account ?? NO_ACCOUNT }
}
