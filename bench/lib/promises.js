import { readFileSync } from 'node:fs'

/**
 * What docs/benchmarks promises: in a table of a group, the value of one row, divided by that of another if `over` names
 * one, is `atMost` or `atLeast` so much. The value is the row's ratio, or, in a table of cells, its `column`.
 * @typedef {{ group: string, table: string, row: string, over?: string, column?: string, atMost?: number, atLeast?: number }} PromisedRatio
 */

/** @type {PromisedRatio[]} */
export const promises = JSON.parse(
  readFileSync(new URL('../../docs/benchmarks/promises.json', import.meta.url), 'utf8')
)

/** By so much a ratio may miss what is promised: a machine is never quite quiet. */
const TOLERANCE = 0.1

/** Whether each promise is kept of the groups that were run. */
export function judge(groups) {
  return promises
    .filter(({ group }) => groups[group] !== undefined)
    .map((promise) => {
      const { group, table, row, over, atMost = Infinity, atLeast = 0 } = promise
      const found = groups[group].find(({ title }) => title === table)
      const value = valueOf(found, row, promise) / (over === undefined ? 1 : valueOf(found, over, promise))
      const kept = value <= atMost * (1 + TOLERANCE) && value >= atLeast * (1 - TOLERANCE)
      const bound = promise.atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`
      const what = `${group}, ${table}: ${row}${over === undefined ? '' : ` / ${over}`}`
      return { kept, line: `${kept ? 'kept  ' : 'MISSED'} ${what} is ${value.toFixed(2)}, promised ${bound}` }
    })
}

function valueOf(table, name, { group, table: title, column }) {
  const row = table?.rows?.find((each) => each.name === name)
  if (row !== undefined) return row.ratio
  const cells = table?.cells?.find(([first]) => first === name)
  const index = table?.head?.indexOf(column) ?? -1
  if (cells === undefined || index < 0) throw new Error(`No ${name} in ${group}, ${title}`)
  return Number(cells[index])
}
