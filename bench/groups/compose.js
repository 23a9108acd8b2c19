import { defineMiddleware, wrap } from '@ilp-wrap/core'
import { ConsecutiveBreaker, bulkhead, circuitBreaker, handleAll, retry, wrap as wrapPolicies } from 'cockatiel'
import compose from 'koa-compose'
import PQueue from 'p-queue'
import { Dispatcher } from 'undici'
import { compare, inFlight, inSequence } from '../lib/measure.js'
import { fulfill, prepare } from '../lib/packets.js'
import { pluginClass } from '../lib/plugins.js'

/** What other ways of putting layers around a call cost: five of them where they are layers, none of which does a thing. */

const LAYERS = 5

function hooks(sendData) {
  const layers = Array.from({ length: LAYERS }, (_, index) =>
    defineMiddleware({ name: `layer-${index}`, place: { outgoing: 'any' } }, () => ({ sendData }))
  )
  const plugin = wrap(new (pluginClass(fulfill))(), layers)
  return (data) => plugin.sendData(data)
}

function koa() {
  const inner = new (pluginClass(fulfill))()
  const chain = compose([
    ...Array.from({ length: LAYERS }, () => (_context, next) => next()),
    async (context) => {
      context.reply = await inner.sendData(context.data)
    }
  ])
  return async (data) => {
    const context = { data, reply: undefined }
    await chain(context)
    return context.reply
  }
}

/** Each interceptor passes on a handler of its own, as those of undici do. */
function undici() {
  const inner = new (pluginClass(fulfill))()
  class Plugin extends Dispatcher {
    dispatch({ data }, handler) {
      inner.sendData(data).then(
        (reply) => handler.onResponseEnd(undefined, reply),
        (error) => handler.onResponseError(undefined, error)
      )
      return true
    }
  }
  class Passing {
    constructor(next) {
      this.next = next
    }
    onRequestStart() {
      // a handler of today's interface is known by this
    }
    onResponseEnd(controller, reply) {
      this.next.onResponseEnd(controller, reply)
    }
    onResponseError(controller, error) {
      this.next.onResponseError(controller, error)
    }
  }
  const dispatcher = new Plugin().compose(
    Array.from({ length: LAYERS }, () => (dispatch) => (options, handler) => dispatch(options, new Passing(handler)))
  )
  return (data) =>
    new Promise((resolve, reject) => {
      dispatcher.dispatch(
        { data },
        {
          onRequestStart: () => undefined,
          onResponseEnd: (_, reply) => resolve(reply),
          onResponseError: (_, error) => reject(error)
        }
      )
    })
}

function cockatiel() {
  const inner = new (pluginClass(fulfill))()
  const policy = wrapPolicies(
    retry(handleAll, { maxAttempts: 2 }),
    circuitBreaker(handleAll, { halfOpenAfter: 1000, breaker: new ConsecutiveBreaker(5) }),
    bulkhead(1000)
  )
  return (data) => policy.execute(() => inner.sendData(data))
}

function queue() {
  const inner = new (pluginClass(fulfill))()
  const waiting = new PQueue({ concurrency: 1000 })
  return (data) => waiting.add(() => inner.sendData(data))
}

function bare() {
  const inner = new (pluginClass(fulfill))()
  return (data) => inner.sendData(data)
}

const contenders = {
  'bare plugin': bare(),
  'wrap(), five hooks': hooks((data, next) => next(data)),
  'wrap(), five async hooks': hooks(async (data, next) => await next(data)),
  'koa-compose, five': koa(),
  'undici compose, five': undici(),
  'cockatiel retry, breaker, bulkhead': cockatiel(),
  'p-queue add': queue()
}

export async function run() {
  const tables = []
  for (const [how, drive] of [
    ['in sequence', inSequence],
    ['100 in flight', inFlight]
  ]) {
    const runs = Object.fromEntries(
      Object.entries(contenders).map(([name, send]) => [name, drive(() => send(prepare))])
    )
    tables.push({ title: `outgoing, ${how}`, rows: await compare('bare plugin', runs) })
  }
  return tables
}
