// What each package weighs in a bundle, minified and compressed: with all that it imports, and by itself.
import { builtinModules } from 'node:module'
import { join, relative } from 'node:path'
import { packages, root } from './scripts/lib/files.js'

const builtin = [...builtinModules, 'node:*']
/** What no bundle holds: clients of databases, and what serves the metrics. */
const clients = ['classic-level', 'ioredis', 'prom-client']

/** @param {string} directory of a package */
function entry(directory) {
  return relative(root, join(directory, 'dist', 'index.js'))
}

export default packages().flatMap(({ directory, manifest: { name, dependencies = {} } }) => [
  { name, path: entry(directory), import: '*', ignore: [...builtin, ...clients] },
  {
    name: `${name} alone`,
    path: entry(directory),
    import: '*',
    ignore: [...builtin, ...Object.keys(dependencies).flatMap((dependency) => [dependency, `${dependency}/*`])]
  },
  ...(name === 'ilp-wrap'
    ? [
        {
          name: 'only `wrap` and `retry` of ilp-wrap',
          path: entry(directory),
          import: '{ wrap, retry }',
          ignore: [...builtin, ...clients]
        }
      ]
    : [])
])
