/**
 * Measures contenders against a baseline in one process: rounds in which each runs in turn, the ratio to the baseline
 * taken within each round, and the median over all rounds. A machine's noise hits a whole round; its ratio stays.
 */

const ROUNDS = 31
const MIN_MS = 100

/**
 * @typedef {(packets: number) => Promise<unknown>} Run runs that many packets
 * @typedef {{ name: string, ratio: number, low: number, high: number, ns: number }} Row
 *   `low` and `high` are the quartiles of the ratio; `ns` the median time of a packet
 */

/**
 * @param {string} baseline the name of the contender that the others are divided by
 * @param {Record<string, Run>} contenders
 * @param {{ rounds?: number, minMs?: number }} [options]
 * @returns {Promise<Row[]>}
 */
export async function compare(baseline, contenders, { rounds = ROUNDS, minMs = MIN_MS } = {}) {
  const names = Object.keys(contenders)
  /** @type {Record<string, number>} */
  const packets = {}
  for (const name of names) packets[name] = await calibrate(contenders[name], minMs)
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    // each round begins with another one, so that none always runs in the wake of the same neighbour
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length]
      globalThis.gc?.()
      const start = performance.now()
      await contenders[name](packets[name])
      times[name].push(((performance.now() - start) * 1e6) / packets[name])
    }
  }
  return names.map((name) => {
    const ratios = times[name].map((time, round) => time / times[baseline][round]).sort(ascending)
    return {
      name,
      ratio: quantile(ratios, 0.5),
      low: quantile(ratios, 0.25),
      high: quantile(ratios, 0.75),
      ns: quantile([...times[name]].sort(ascending), 0.5)
    }
  })
}

/** How many packets take at least `minMs`, once the code is warm. */
async function calibrate(run, minMs) {
  for (let packets = 1000; ;) {
    const start = performance.now()
    await run(packets)
    const ms = performance.now() - start
    if (ms >= minMs) {
      // measured cold, at least in part: once more
      const again = performance.now()
      await run(packets)
      const warm = performance.now() - again
      return Math.ceil((packets * minMs * 1.1) / Math.min(ms, warm))
    }
    packets = Math.ceil(packets * Math.min(10, (minMs * 1.2) / Math.max(ms, 1)))
  }
}

function ascending(a, b) {
  return a - b
}

function quantile(sorted, q) {
  return sorted[Math.floor((sorted.length - 1) * q)]
}

/**
 * One packet after the other.
 * @param {(index: number) => Promise<unknown>} send
 * @returns {Run}
 */
export function inSequence(send) {
  return async (packets) => {
    for (let i = 0; i < packets; i++) await send(i)
  }
}

/**
 * Always `width` under way.
 * @param {(index: number) => Promise<unknown>} send
 * @returns {Run}
 */
export function inFlight(send, width = 100) {
  return async (packets) => {
    const batch = new Array(width)
    for (let i = 0; i < packets; i += width) {
      for (let j = 0; j < width; j++) batch[j] = send(i + j)
      await Promise.all(batch)
    }
  }
}

/**
 * Each way of a packet, one at a time and 100 at a time: `method` is that of what `ends` gives.
 * @type {readonly { title: string, method: 'send' | 'receive', drive: typeof inSequence | typeof inFlight }[]}
 */
export const WAYS = [
  { title: 'outgoing, in sequence', method: 'send', drive: inSequence },
  { title: 'outgoing, 100 in flight', method: 'send', drive: inFlight },
  { title: 'incoming, in sequence', method: 'receive', drive: inSequence },
  { title: 'incoming, 100 in flight', method: 'receive', drive: inFlight }
]
