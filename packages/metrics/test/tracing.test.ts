import { UnreachableError, wrap } from '@ilp-wrap/core'
import { fulfill, mockPair, prepare, rejectPacket } from '@ilp-wrap/testing'
import { SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { metrics } from '../src/index.js'
import type { MetricsOptions } from '../src/index.js'
import { setup as plainSetup } from './setup.js'

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const tracer = provider.getTracer('test')

beforeAll(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()))
afterAll(() => {
  context.disable()
  trace.disable()
})

function setup(options: MetricsOptions = { trace: tracer }) {
  exporter.reset()
  return plainSetup(options)
}

describe('tracing', () => {
  it('writes a span for each exchange, by direction', async () => {
    const { plugin, peer } = setup()
    await plugin.sendData(prepare({ amount: 2n ** 64n - 1n }))
    await peer.sendData(prepare({ amount: 3 }))
    const shared = { 'ilp.account': 'bob', 'ilp.outcome': 'fulfilled' }
    expect(exporter.getFinishedSpans()).toMatchObject([
      {
        name: 'ilp.prepare',
        kind: SpanKind.CLIENT,
        attributes: { ...shared, 'ilp.direction': 'outgoing', 'ilp.amount': '18446744073709551615' },
        status: { code: SpanStatusCode.UNSET }
      },
      {
        name: 'ilp.prepare',
        kind: SpanKind.SERVER,
        attributes: { ...shared, 'ilp.direction': 'incoming', 'ilp.amount': '3' }
      }
    ])
  })

  it('says what became of it', async () => {
    const { plugin, peer } = setup()
    const reject = rejectPacket('F02')
    const answers = [() => Promise.resolve(reject), () => Promise.resolve(Buffer.from('?'))]
    for (const answer of answers) {
      peer.onData = answer
      await plugin.sendData(prepare())
    }
    await plugin.sendData(Buffer.from('hello'))
    for (const error of [new UnreachableError('secret'), undefined, hostile()]) {
      peer.onData = () => Promise.reject(error)
      expect(await plugin.sendData(prepare()).catch((thrown: unknown) => thrown)).toBe(error)
    }
    const failed = { status: { code: SpanStatusCode.ERROR } }
    expect(exporter.getFinishedSpans()).toMatchObject([
      { attributes: { 'ilp.outcome': 'rejected', 'ilp.reject.code': 'F02' }, status: { code: SpanStatusCode.UNSET } },
      { attributes: { 'ilp.outcome': 'invalid' } },
      { name: 'ilp.request', attributes: { 'ilp.outcome': 'answered' } },
      { attributes: { 'ilp.outcome': 'failed', 'error.type': 'UnreachableError' }, ...failed },
      { attributes: { 'ilp.outcome': 'failed', 'error.type': '_OTHER' }, ...failed },
      { attributes: { 'ilp.outcome': 'failed', 'error.type': '_OTHER' }, ...failed }
    ])
    const written = exporter.getFinishedSpans().map(({ attributes, events }) => [attributes, events])
    expect(JSON.stringify(written)).not.toMatch(/secret|example\.receiver/)
  })

  it('is a child of the active span, and the active one for what is beneath', async () => {
    const { plugin, peer } = setup()
    let beneath: string | undefined
    peer.onData = async () => {
      beneath = trace.getActiveSpan()?.spanContext().spanId
      return fulfill()
    }
    const parent = tracer.startSpan('host')
    await context.with(trace.setSpan(context.active(), parent), () => plugin.sendData(prepare()))
    const [span] = exporter.getFinishedSpans()
    expect(span?.parentSpanContext?.spanId).toBe(parent.spanContext().spanId)
    expect(beneath).toBe(span?.spanContext().spanId)
  })

  it('goes to the global tracer if none is given, and counts all the same', async () => {
    trace.setGlobalTracerProvider(provider)
    const { plugin, handle } = setup({ trace: true })
    await plugin.sendData(prepare())
    expect(exporter.getFinishedSpans()).toMatchObject([{ instrumentationScope: { name: '@ilp-wrap/metrics' } }])
    expect(handle.snapshot().outgoing?.outcomes).toMatchObject([{ outcome: 'fulfilled', packets: 1 }])
  })

  it('names a plugin without an account as the labels do', async () => {
    exporter.reset()
    const { plugin, peer } = mockPair({ connected: true })
    peer.onData = () => Promise.resolve(fulfill())
    await wrap(plugin, [metrics({ trace: tracer })]).sendData(prepare())
    expect(exporter.getFinishedSpans()).toMatchObject([{ attributes: { 'ilp.account': 'plugin' } }])
  })

  it('writes nothing unless told so', async () => {
    const { plugin } = setup({})
    await plugin.sendData(prepare())
    expect(exporter.getFinishedSpans()).toEqual([])
  })
})

/** What cannot even be asked for its class. */
function hostile(): object {
  return new Proxy(
    {},
    {
      getPrototypeOf: () => {
        throw new Error('no')
      }
    }
  )
}
