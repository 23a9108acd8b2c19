import { defineMiddleware } from '@ilp-wrap/core'
import type { Direction, Middleware } from '@ilp-wrap/core'
import { boolean, integer, known } from '@ilp-wrap/core/options'
import { prepareAmount, prepareData, prepareDestination, reject } from '@ilp-wrap/core/packet'

export interface DataLimitOptions {
  /** The most bytes of data that a prepare may carry; as many pass. */
  maximumBytes: number
  /** Whether packets from the peer are looked at. Default: true. */
  incoming?: boolean
  /** Whether packets to the peer are looked at. Default: true. */
  outgoing?: boolean
}

/** The least that it can be made with. */
export const minimalOptions: DataLimitOptions = { maximumBytes: 32_768 }

/**
 * Refuses prepares that carry more data than the peer or the host wants to see.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function dataLimit(options: DataLimitOptions): Middleware {
  // 1 options: once, loudly
  known(options, ['maximumBytes', 'incoming', 'outgoing'])
  const maximumBytes = integer('maximumBytes', options.maximumBytes)
  const incoming = boolean('incoming', options.incoming ?? true)
  const outgoing = boolean('outgoing', options.outgoing ?? true)
  // wherever it stands, its place costs work, not money
  const place = { ...(incoming && { incoming: 'any' as const }), ...(outgoing && { outgoing: 'any' as const }) }

  // 2 setup: once for each plugin that is wrapped; state that lives here is that plugin's own
  return defineMiddleware({ name: 'data-limit', place }, ({ emit, events }) => {
    /** What is no prepare has no data, and goes on. */
    function exceeds(data: Buffer): boolean {
      return (prepareData(data)?.length ?? 0) > maximumBytes
    }

    function refuse(direction: Direction, data: Buffer): Promise<Buffer> {
      // F00: the packet itself is at fault; sent again as it is, it fails again (RFC 0027, "F00 - Bad Request")
      const code = 'F00'
      if (events.observed) {
        emit({
          type: 'packet-rejected',
          direction,
          code,
          amount: prepareAmount(data),
          destination: prepareDestination(data)
        })
      }
      return Promise.resolve(reject({ code, message: `data exceeds ${maximumBytes} bytes` }))
    }

    // 3 hooks: once per packet
    return {
      ...(incoming && {
        handleData(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
          return exceeds(data) ? refuse('incoming', data) : next(data)
        }
      }),
      ...(outgoing && {
        sendData(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
          return exceeds(data) ? refuse('outgoing', data) : next(data)
        }
      })
    }
  })
}
