import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InvalidFieldsError } from '@ilp-wrap/core'
import { Command } from 'commander'
import { middlewarePackage } from '../new/middleware-package.js'
import type { TemplateFile } from '../new/middleware-package.js'
import type { Terminal } from './terminal.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }
const TEMPLATE = fileURLToPath(new URL('../../template', import.meta.url))

const EXAMPLES = `
It comes with its tests, the conformance suite among them, and passes them after \`npm install\`.

Examples:
  $ ilp-wrap new hop-count                                   a package in ./hop-count
  $ ilp-wrap new @acme/hop-count --directory packages/hops   with a scope, and where you want it
`

export function newCommand({ out }: Terminal): Command {
  return new Command('new')
    .description('start a package with a working middleware, for you to change')
    .argument('<name>', 'of the package, in kebab-case, with or without a scope')
    .option('--directory <path>', 'where to put it; nothing may be there (default: its name, in this directory)')
    .addHelpText('after', EXAMPLES)
    .action((name: string, { directory }: { directory?: string }) => {
      const files = middlewarePackage(template(), name, version)
      const folder = resolve(directory ?? (name.split('/').at(-1) as string))
      const shown = relative('.', folder) || '.'
      if (isTaken(folder)) {
        throw new InvalidFieldsError(`${shown} is there already: take another name, or another --directory`)
      }
      for (const { path, text } of files) {
        const file = join(folder, path)
        mkdirSync(dirname(file), { recursive: true })
        writeFileSync(file, text, { flag: 'wx' })
        out.write(`${join(shown, path)}\n`)
      }
      out.write(`\nNow: cd ${shown} && npm install && npm test, and write what it does.\n`)
    })
}

/** Whether there is anything but an empty directory. */
function isTaken(folder: string): boolean {
  return existsSync(folder) && (!statSync(folder).isDirectory() || readdirSync(folder).length > 0)
}

function template(): TemplateFile[] {
  return readdirSync(TEMPLATE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(TEMPLATE, file).split(sep).join('/'), text: readFileSync(file, 'utf8') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}
