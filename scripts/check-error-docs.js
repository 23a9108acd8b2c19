// Every code `ILP_WRAP_…` of the sources has a heading in docs/errors.md, and every heading there stands for one.
// @ts-check
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, packages, root, shown } from './lib/files.js'

const docs = join(root, 'docs', 'errors.md')
const documented = new Set(
  [...readFileSync(docs, 'utf8').matchAll(/^#+ `?(ILP_WRAP_[A-Z0-9_]+)`?$/gm)].map(([, code]) => code)
)

/** @type {Map<string, string>} */
const used = new Map()
for (const file of packages().flatMap(({ directory }) => filesUnder(join(directory, 'src'), '.ts'))) {
  for (const [, code = ''] of readFileSync(file, 'utf8').matchAll(/(ILP_WRAP_[A-Z0-9_]+)/g)) used.set(code, file)
}

const problems = [
  ...[...used]
    .filter(([code]) => !documented.has(code))
    .map(([code, file]) => `${shown(file)}: ${code} has no heading in ${shown(docs)}`),
  ...[...documented]
    .filter((code) => !used.has(String(code)))
    .map((code) => `${shown(docs)}: nothing has the code ${code}`)
]
for (const problem of problems) console.log(problem)
console.log(`${used.size} error codes, ${problems.length} problems`)
if (problems.length > 0) process.exitCode = 1
