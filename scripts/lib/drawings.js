// The drawings of the docs as SVG: text stays text, and each paints its own ground, so that it can be read on any page.
// @ts-check

/** @typedef {'in' | 'out' | 'both'} Way */

/**
 * What `recommended()` returns, from the wire to the host, each with the direction of the packets that it acts on.
 * @type {readonly { name: string, way: Way }[]}
 */
export const recommendedLayers = [
  { name: 'compat', way: 'both' },
  { name: 'metrics', way: 'in' },
  { name: 'logging', way: 'in' },
  { name: 'rate-limit', way: 'in' },
  { name: 'concurrency', way: 'in' },
  { name: 'max-packet-amount', way: 'in' },
  { name: 'throughput', way: 'in' },
  { name: 'dedupe', way: 'in' },
  { name: 'validate-fulfillment', way: 'out' },
  { name: 'expire', way: 'out' },
  { name: 'retry', way: 'out' },
  { name: 'balance', way: 'both' },
  { name: 'expire', way: 'in' },
  { name: 'validate-fulfillment', way: 'in' },
  { name: 'dedupe', way: 'out' },
  { name: 'throughput', way: 'out' },
  { name: 'max-packet-amount', way: 'out' },
  { name: 'rate-limit', way: 'out' },
  { name: 'concurrency', way: 'out' },
  { name: 'circuit-breaker', way: 'out' },
  { name: 'metrics', way: 'out' },
  { name: 'logging', way: 'out' },
  { name: 'error-to-reject', way: 'in' }
]

const style = `
  .ground { fill: #ffffff; stroke: #d0d7de }
  text { font: 14px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328; text-anchor: middle }
  .title { font-weight: 600 }
  .side { text-anchor: start }
  .note { font-size: 12px; fill: #57606a }
  .end { fill: #eaeef2; stroke: #6e7781 }
  .in { fill: #ddf4ff; stroke: #0969da }
  .out { fill: #dafbe1; stroke: #1a7f37 }
  .both { fill: #fff8c5; stroke: #9a6700 }
  .way { fill: none; stroke: #6e7781; stroke-width: 1.5 }
  .life { stroke: #afb8c1; stroke-dasharray: 3 4 }
  .head { fill: #6e7781 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d }
    text { fill: #e6edf3 }
    .note { fill: #9da7b3 }
    .end { fill: #21262d; stroke: #9da7b3 }
    .in { fill: #0c2d4d; stroke: #58a6ff }
    .out { fill: #0f2f1a; stroke: #3fb950 }
    .both { fill: #3a2d05; stroke: #d29922 }
    .way { stroke: #9da7b3 }
    .life { stroke: #484f58 }
    .head { fill: #9da7b3 }
  }
`

/**
 * @param {{ title: string, description: string, width: number, height: number, parts: string[] }} drawing
 * @returns {string}
 */
function svg({ title, description, width, height, parts }) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(description)}</desc>
<style>${style}</style>
<defs>
  <marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse">
    <path class="head" d="M0 0L8 4L0 8z"/>
  </marker>
</defs>
<rect class="ground" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${parts.join('\n')}
</svg>
`
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** @param {number} x @param {number} y @param {string} content @param {string} [kind] */
function text(x, y, content, kind) {
  return `<text${kind === undefined ? '' : ` class="${kind}"`} x="${x}" y="${y}">${escaped(content)}</text>`
}

/** @param {number} x @param {number} y @param {number} width @param {number} height @param {string} kind */
function box(x, y, width, height, kind) {
  return `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="5"/>`
}

/** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 */
function arrow(x1, y1, x2, y2) {
  return `<path class="way" d="M${x1} ${y1}L${x2} ${y2}" marker-end="url(#head)"/>`
}

/** The recommended list as a stack: what goes out passes the left side upwards, what comes in the right side downwards. */
export function stack() {
  const [left, width, row, gap] = [60, 440, 24, 6]
  const half = (width - gap) / 2
  const top = 104
  const layers = recommendedLayers.flatMap(({ name, way }, index) => {
    const y = top + index * (row + gap)
    const x = way === 'in' ? left + half + gap : left
    const wide = way === 'both' ? width : half
    return [box(x, y, wide, row, way), text(x + wide / 2, y + 17, name)]
  })
  const bottom = top + recommendedLayers.length * (row + gap)
  const at = (/** @type {string} */ name) => recommendedLayers.findIndex((layer) => layer.name === name)
  const books = top + at('balance') * (row + gap) + 17
  return svg({
    title: 'The recommended stack',
    description: `From the wire to the host: ${recommendedLayers.map(({ name, way }) => (way === 'both' ? name : `${name} (${way})`)).join(', ')}. Outgoing packets pass them from the host to the wire, incoming ones from the wire to the host.`,
    width: 680,
    height: bottom + 76,
    parts: [
      text(left + half / 2, 28, 'outgoing packets', 'title'),
      text(left + half + gap + half / 2, 28, 'incoming packets', 'title'),
      box(left, 44, width, 40, 'end'),
      text(left + width / 2, 69, 'the plugin, and the peer behind it', 'title'),
      ...layers,
      box(left, bottom + 14, width, 40, 'end'),
      text(left + width / 2, bottom + 39, 'the host: a connector, a STREAM client', 'title'),
      arrow(left - 24, bottom + 34, left - 24, 64),
      arrow(left + width + 24, 64, left + width + 24, bottom + 34),
      text(left + width + 44, 69, 'wire', 'side title'),
      text(left + width + 44, (top + books) / 2, 'inside the books', 'side note'),
      text(left + width + 44, books, 'the books', 'side note'),
      text(left + width + 44, (books + bottom) / 2, 'outside the books', 'side note'),
      text(left + width + 44, bottom + 39, 'host', 'side title')
    ]
  })
}

/** A packet's way through `[retry(), balance(…), rateLimit(), logging()]`, once to the peer and once not so far. */
export function packet() {
  const names = ['host', 'logging', 'rateLimit', 'balance', 'retry', 'plugin', 'peer']
  const [left, apart, top, step] = [70, 120, 30, 38]
  const x = (/** @type {string} */ name) => left + names.indexOf(name) * apart
  /** @type {[from: string, to: string, label: string, note?: string][]} */
  const steps = [
    ['host', 'logging', 'prepare', 'debug: → prepare'],
    ['logging', 'rateLimit', 'next', 'takes a token'],
    ['rateLimit', 'balance', 'next', 'holds 100'],
    ['balance', 'retry', 'next'],
    ['retry', 'plugin', 'attempt 1'],
    ['plugin', 'peer', 'prepare'],
    ['peer', 'retry', 'reject T01', 'waits'],
    ['retry', 'plugin', 'attempt 2'],
    ['plugin', 'peer', 'prepare'],
    ['peer', 'balance', 'fulfill', 'commits the 100'],
    ['balance', 'host', 'the same fulfill'],
    ['host', 'logging', 'prepare'],
    ['logging', 'rateLimit', 'next', 'no token is left'],
    ['rateLimit', 'host', 'reject T05']
  ]
  const y = (/** @type {number} */ index) => top + 66 + index * step + (index >= 11 ? 24 : 0)
  const bottom = y(steps.length - 1) + 24
  return svg({
    title: "A packet's way",
    description:
      'A prepare passes logging, rate limit, balance and retry on its way out. The peer rejects the first attempt, retry sends it again, the fulfill makes balance commit what it held, and the host gets it. The next prepare finds no token and is rejected by the rate limit; balance never hears of it.',
    width: left * 2 + apart * (names.length - 1),
    height: bottom + 24,
    parts: [
      ...names.map((name) => `<path class="life" d="M${x(name)} ${top + 28}L${x(name)} ${bottom}"/>`),
      ...names.flatMap((name) => [
        box(x(name) - 50, top, 100, 28, name === 'host' || name === 'plugin' || name === 'peer' ? 'end' : 'both'),
        text(x(name), top + 19, name, 'title')
      ]),
      ...steps.flatMap(([from, to, label, note], index) => [
        arrow(x(from), y(index), x(to), y(index)),
        text((x(from) + x(to)) / 2, y(index) - 6, label),
        ...(note === undefined ? [] : [text(x(to) + 8, y(index) + 14, note, 'side note')])
      ])
    ]
  })
}
