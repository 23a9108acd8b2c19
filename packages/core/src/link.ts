import type { ConnectOptions, DataHandler, MoneyHandler, PluginV2 } from './contract.js'
import {
  DataHandlerAlreadyRegisteredError,
  InvalidFieldsError,
  InvalidServicesError,
  MoneyHandlerAlreadyRegisteredError,
  UnreachableError
} from './errors.js'
import type { LayerEvents } from './layer-events.js'
import type { Context, Definition, Hooks } from './middleware.js'
import { breaches } from './order.js'
import { pluginTraits } from './plugins.js'
import { Services } from './services.js'

type SendData = (data: Buffer) => Promise<Buffer>
type SendMoney = (amount: string) => Promise<void>

/**
 * The inside of one layer: its hooks, and for packets the nearest link at or below it that has a hook for them, so that
 * they take one hop at any depth. The plugin at the bottom is asked for its method on each call: one that is replaced
 * later is seen.
 */
export class Link {
  raw: PluginV2
  readonly below: Link | undefined
  readonly definition: Definition | undefined
  readonly services: Services
  readonly hooks: Hooks | undefined

  // the nearest link at or below this one that has the hook
  readonly sender: Link | undefined
  readonly receiver: Link | undefined

  // this link's own hooks on a packet's way, and the `next` of each, bound once
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  readonly nextSendData: SendData | undefined
  readonly nextHandleData: SendData | undefined

  // towards the host, while it has a handler registered: the next link that has the hook, or else the handler
  dataUp: Link | DataHandler | undefined
  moneyUp: SendMoney | undefined

  /** Made with the first listener, or with the layer if it has a `lifecycle`. */
  events: LayerEvents | undefined

  constructor(
    raw: PluginV2,
    below: Link | undefined,
    context: Context | undefined,
    definition: Definition | undefined,
    setup: (link: Link) => Hooks | undefined
  ) {
    this.raw = raw
    this.below = below
    this.definition = definition
    this.services =
      below !== undefined && (context === undefined || context === below.services.context)
        ? below.services
        : new Services(context, below?.services)
    if (definition !== undefined) requireServices(definition, this.services)
    for (const breach of warningsOf(this)) this.services.logFor('core').warn('ILP_WRAP_ORDER: %s', breach)

    const hooks = setup(this)
    this.hooks = hooks
    this.sendData = hooks?.sendData
    this.handleData = hooks?.handleData
    this.sender = hooks?.sendData === undefined ? below?.sender : this
    this.receiver = hooks?.handleData === undefined ? below?.receiver : this
    this.nextSendData = this.sender === this ? (data) => send(below?.sender, this.raw, data) : undefined
    this.nextHandleData = this.receiver === this ? (data) => receive(this.dataUp, data) : undefined
  }

  /** This link and those below it, nearest to the host first. */
  *stack(): Generator<Link, void> {
    yield this
    if (this.below !== undefined) yield* this.below.stack()
  }
}

// ------------------------------------------------------------------------------------------------------ towards the wire

export function send(link: Link | undefined, raw: PluginV2, data: Buffer): Promise<Buffer> {
  try {
    const answer =
      link === undefined
        ? raw.sendData(data)
        : (link.sendData as NonNullable<Hooks['sendData']>).call(link.hooks, data, link.nextSendData as SendData)
    return answer instanceof Promise ? answer : Promise.resolve(answer)
  } catch (error) {
    return rejected(error)
  }
}

// money and connections are few: where they go next is looked up on each call

export function pay(top: Link | undefined, raw: PluginV2, amount: string): Promise<void> {
  const link = nearest(top, 'sendMoney')
  return promised(() =>
    link === undefined
      ? raw.sendMoney(amount)
      : link.hooks?.sendMoney?.(amount, (passed) => pay(link.below, link.raw, passed))
  )
}

export function open(top: Link | undefined, raw: PluginV2, options: ConnectOptions | undefined): Promise<void> {
  const link = nearest(top, 'connect')
  return promised(() =>
    link === undefined
      ? raw.connect(options)
      : link.hooks?.connect?.(options, (passed) => open(link.below, link.raw, passed))
  )
}

export function close(top: Link | undefined, raw: PluginV2): Promise<void> {
  const link = nearest(top, 'disconnect')
  return promised(() =>
    link === undefined ? raw.disconnect() : link.hooks?.disconnect?.(() => close(link.below, link.raw))
  )
}

function nearest(
  top: Link | undefined,
  hook: 'sendMoney' | 'handleMoney' | 'connect' | 'disconnect'
): Link | undefined {
  for (let link = top; link !== undefined; link = link.below) if (link.hooks?.[hook] !== undefined) return link
  return undefined
}

// ------------------------------------------------------------------------------------------------------ towards the host

/** Which link has put its handlers on a plugin; whoever else wraps the same plugin is refused. */
interface Owners {
  data: Link | undefined
  money: Link | undefined
}

const owners = new WeakMap<object, Owners>()

export function registerDataHandler(top: Link, handler: DataHandler): void {
  if (typeof handler !== 'function') throw new InvalidFieldsError('Expected `handler` to be a function')
  const owner = ownersOf(top.raw)
  if (owner.data !== undefined) throw new DataHandlerAlreadyRegisteredError('A data handler is registered already')
  owner.data = top
  let up: Link | DataHandler = handler
  for (let link = top.receiver; link !== undefined; link = link.below?.receiver) {
    link.dataUp = up
    up = link
  }
  const first = up
  try {
    top.raw.registerDataHandler((data) => receive(first, data))
  } catch (error) {
    forgetDataHandler(owner)
    throw error
  }
}

function receive(up: Link | DataHandler | undefined, data: Buffer): Promise<Buffer> {
  if (up === undefined) return nobody('data')
  try {
    const answer =
      typeof up === 'function'
        ? up(data)
        : (up.handleData as NonNullable<Hooks['handleData']>).call(up.hooks, data, up.nextHandleData as SendData)
    return answer instanceof Promise ? answer : Promise.resolve(answer)
  } catch (error) {
    return rejected(error)
  }
}

export function registerMoneyHandler(top: Link, handler: MoneyHandler): void {
  if (typeof handler !== 'function') throw new InvalidFieldsError('Expected `handler` to be a function')
  const owner = ownersOf(top.raw)
  if (owner.money !== undefined) throw new MoneyHandlerAlreadyRegisteredError('A money handler is registered already')
  owner.money = top
  let up: SendMoney = (amount) => promised(() => handler(amount))
  for (const link of payees(top)) {
    link.moneyUp = up
    const next: SendMoney = (amount) => link.moneyUp?.(amount) ?? nobody('money')
    up = (amount) => promised(() => link.hooks?.handleMoney?.(amount, next))
  }
  try {
    top.raw.registerMoneyHandler(up)
  } catch (error) {
    forgetMoneyHandler(owner)
    throw error
  }
}

/** Without a handler of ours it is the plugin's own affair; one of another stack over the same plugin stays. */
export function deregisterDataHandler(top: Link): void {
  const owner = ownersOf(top.raw)
  if (owner.data !== undefined && !inOneStack(owner.data, top)) return
  forgetDataHandler(owner)
  top.raw.deregisterDataHandler()
}

export function deregisterMoneyHandler(top: Link): void {
  const owner = ownersOf(top.raw)
  if (owner.money !== undefined && !inOneStack(owner.money, top)) return
  forgetMoneyHandler(owner)
  top.raw.deregisterMoneyHandler()
}

/** Deregisters what this stack has registered, and nothing else. */
export function letGoOfHandlers(top: Link): void {
  const owner = owners.get(top.raw)
  if (owner?.data !== undefined) deregisterDataHandler(top)
  if (owner?.money !== undefined) deregisterMoneyHandler(top)
}

function forgetDataHandler(owner: Owners): void {
  for (let link = owner.data?.receiver; link !== undefined; link = link.below?.receiver) link.dataUp = undefined
  owner.data = undefined
}

function forgetMoneyHandler(owner: Owners): void {
  for (const link of payees(owner.money)) link.moneyUp = undefined
  owner.money = undefined
}

function* payees(top: Link | undefined): Generator<Link, void> {
  for (let link = nearest(top, 'handleMoney'); link !== undefined; link = nearest(link.below, 'handleMoney')) yield link
}

function ownersOf(raw: PluginV2): Owners {
  let found = owners.get(raw)
  if (found === undefined) {
    found = { data: undefined, money: undefined }
    owners.set(raw, found)
  }
  return found
}

function inOneStack(a: Link, b: Link): boolean {
  return [...a.stack()].includes(b) || [...b.stack()].includes(a)
}

/** What a packet is answered with whose middleware held it until the host had deregistered. */
function nobody(what: string): Promise<never> {
  return Promise.reject(new UnreachableError(`No ${what} handler is registered`))
}

// -------------------------------------------------------------------------------------------------- when a layer is made

function requireServices(definition: Definition, services: Services): void {
  for (const need of definition.needs ?? []) {
    if (services[need] !== undefined) continue
    throw new InvalidServicesError(`\`${definition.name}\` needs \`${need}\` in its context, got none`, {
      code: 'ILP_WRAP_MISSING_SERVICE'
    })
  }
}

/** The breaches of the order that a layer is to blame for. */
export function warningsOf({ definition, below }: Link): string[] {
  if (definition === undefined || below === undefined) return []
  return breaches(
    definition,
    [...below.stack()].flatMap((link) => link.definition ?? [])
  )
}

/** The controls of the layer of that name that is nearest to the host, from `top` down. */
export function handleIn(top: Link | undefined, name: string): object | undefined {
  for (const { definition, hooks } of top?.stack() ?? []) {
    if (definition?.name === name && hooks?.handle !== undefined) return hooks.handle
  }
  return undefined
}

/** What a plugin, and the layers over it up to `top`, have declared of themselves. */
export function traitsOf(raw: PluginV2, top: Link | undefined): Set<string> {
  const traits = new Set((raw as { [pluginTraits]?: readonly string[] })[pluginTraits])
  for (const link of top?.stack() ?? []) for (const trait of link.definition?.traits ?? []) traits.add(trait)
  return traits
}

// --------------------------------------------------------------------------------------------------------------- promises

function promised(call: () => Promise<void> | undefined): Promise<void> {
  try {
    return Promise.resolve(call())
  } catch (error) {
    return rejected(error)
  }
}

/** A throw becomes a rejection, the thrown value as it is. */
function rejected(error: unknown): Promise<never> {
  return Promise.reject(error)
}
