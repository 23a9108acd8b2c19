const WIDTH = 760
const LABEL = 250
const ROW = 28
const FIGURE = 80

/**
 * A drawing of one table: a bar for each contender, as long as its packets take. It is readable on light and on dark.
 * @param {import('./report.js').ResultTable} table
 */
export function barChart({ title, rows }) {
  const longest = Math.max(...rows.map(({ ns }) => ns))
  const scale = (WIDTH - LABEL - FIGURE) / longest
  const bars = rows.map(({ name, ns, ratio }, index) => {
    const y = 40 + index * ROW
    const width = Math.max(1, ns * scale).toFixed(1)
    return [
      `<text x="${LABEL - 8}" y="${y + 15}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${width}" height="20" rx="2"/>`,
      `<text x="${(LABEL + Number(width) + 6).toFixed(1)}" y="${y + 15}">${ratio.toFixed(1)}</text>`
    ].join('')
  })
  const height = 40 + rows.length * ROW + 10
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
<style>text{font:13px system-ui,sans-serif;fill:#444}rect{fill:#3b7dd8}@media(prefers-color-scheme:dark){text{fill:#ccc}}</style>
<text x="8" y="22" style="font-weight:600">${escaped(title)}: time of a packet, as a ratio to the first</text>
${bars.join('\n')}
</svg>
`
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
