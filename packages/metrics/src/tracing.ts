import type { Direction } from '@ilp-wrap/core'
import { isFulfill, prepareAmount, rejectCode } from '@ilp-wrap/core/packet'
import { SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api'
import type { Span, Tracer } from '@opentelemetry/api'

type Next = (data: Buffer) => Promise<Buffer>

/**
 * A span for each exchange, a child of the active one; what is beneath runs with it as the active one. Names and
 * attributes go by the semantic conventions of OpenTelemetry where they have one (`error.type`), the others begin with
 * `ilp.`. An amount is a string, since attributes have no whole numbers beyond 2^53; destination and data may hold what
 * only sender and receiver should know, and are not written.
 */
export class Tracing {
  readonly #tracer: Tracer
  readonly #account: string

  constructor(tracer: Tracer | true, account: string) {
    this.#tracer = tracer === true ? trace.getTracer('@ilp-wrap/metrics') : tracer
    this.#account = account
  }

  pass(direction: Direction, data: Buffer, next: Next): Promise<Buffer> {
    const amount = prepareAmount(data)
    const parent = context.active()
    const span = this.#tracer.startSpan(
      amount === undefined ? 'ilp.request' : 'ilp.prepare',
      {
        kind: direction === 'outgoing' ? SpanKind.CLIENT : SpanKind.SERVER,
        attributes: {
          'ilp.account': this.#account,
          'ilp.direction': direction,
          ...(amount !== undefined && { 'ilp.amount': String(amount) })
        }
      },
      parent
    )
    const answer = context.with(trace.setSpan(parent, span), next, undefined, data)
    answer.then(
      (reply) => {
        answered(span, amount !== undefined, reply)
      },
      (error: unknown) => {
        failed(span, error)
      }
    )
    return answer
  }
}

/** A reject is an answer, and leaves the span's status alone. */
function answered(span: Span, isPacket: boolean, reply: Buffer): void {
  if (!isPacket) span.setAttribute('ilp.outcome', 'answered')
  else if (isFulfill(reply)) span.setAttribute('ilp.outcome', 'fulfilled')
  else {
    const code = rejectCode(reply)
    span.setAttribute('ilp.outcome', code === undefined ? 'invalid' : 'rejected')
    if (code !== undefined) span.setAttribute('ilp.reject.code', code)
  }
  span.end()
}

/** The error's name alone: a message may hold secrets. */
function failed(span: Span, error: unknown): void {
  span.setAttributes({ 'ilp.outcome': 'failed', 'error.type': nameOf(error) })
  span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

function nameOf(error: unknown): string {
  try {
    return error instanceof Error ? error.name : '_OTHER'
  } catch {
    // a getter that throws
    return '_OTHER'
  }
}
