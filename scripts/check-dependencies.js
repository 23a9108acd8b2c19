// The section "Direct dependencies" of docs/architecture.md names each dependency that users get, with the packages that
// have it, and no other.
// @ts-check
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { packages, root, shown } from './lib/files.js'

const page = join(root, 'docs', 'architecture.md')
const [, section = ''] = readFileSync(page, 'utf8').split(/^## Direct dependencies$/m)
const rows = [...(section.split(/^## /m)[0] ?? '').matchAll(/^\| `([^`]+)`[^|]*\|([^|]*)\|([^|]*)\|$/gm)]

/** @type {Set<string>} `dependency of package` */
const documented = new Set()
for (const [, dependency, users = '', why = ''] of rows) {
  if (why.trim() === '') continue
  for (const [, user] of users.matchAll(/`([^`]+)`/g)) documented.add(`${dependency} of ${user}`)
}

const present = packages().flatMap(({ directory, manifest: { dependencies = {}, peerDependencies = {} } }) =>
  Object.keys({ ...dependencies, ...peerDependencies })
    .filter((name) => !name.startsWith('@ilp-wrap/'))
    .map((name) => `${name} of ${basename(directory)}`)
)

const problems = [
  ...present.filter((pair) => !documented.has(pair)).map((pair) => `${shown(page)} does not say why: ${pair}`),
  ...[...documented].filter((pair) => !present.includes(pair)).map((pair) => `${shown(page)} names ${pair}`)
]
for (const problem of problems) console.log(problem)
console.log(`${present.length} direct dependencies, ${problems.length} problems`)
if (problems.length > 0) process.exitCode = 1
