import { namesOf } from './names.js'
import type { Names } from './names.js'

export interface TemplateFile {
  /** From the folder of the package, with slashes. */
  readonly path: string
  readonly text: string
}

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/**
 * The files of a package that stands alone, made from those of the template.
 *
 * @param version of ilp-wrap, which the package is made for
 * @throws InvalidFieldsError for a name that it cannot have
 */
export function middlewarePackage(template: readonly TemplateFile[], name: string, version: string): TemplateFile[] {
  const names = namesOf(name, wordsOf(template))
  return template.map(({ path, text }) => ({
    path: RENAMED[path] ?? renamed(path, names),
    text: path === 'manifest.json' ? manifestFrom(renamed(text, names), version) : renamed(text, names)
  }))
}

/** What npm and bundlers would take for a part of the package that the template is shipped in. */
const RENAMED: Readonly<Record<string, string>> = { gitignore: '.gitignore', 'manifest.json': 'package.json' }

function renamed(text: string, { full, kebab, camel, pascal }: Names): string {
  return text
    .replaceAll('@ilp-wrap/data-limit', full)
    .replaceAll('data-limit', kebab)
    .replaceAll('dataLimit', camel)
    .replaceAll('DataLimit', pascal)
}

function manifestFrom(json: string, version: string): string {
  const manifest = JSON.parse(json) as Manifest
  const ranges = (dependencies: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(dependencies).map(([name, range]) => [name, range === '0.0.0' ? `^${version}` : range])
    )
  const made = {
    ...manifest,
    version: '0.1.0',
    exports: { ...manifest.exports, '.': withoutSource(manifest.exports['.'] as object) },
    dependencies: ranges(manifest.dependencies),
    devDependencies: ranges(manifest.devDependencies)
  }
  return `${JSON.stringify(made, undefined, 2)}\n`
}

/** The condition by which the tests of ilp-wrap itself run on sources. */
function withoutSource(conditions: object): object {
  return Object.fromEntries(Object.entries(conditions).filter(([condition]) => condition !== '@ilp-wrap/source'))
}

/** The words that the code of the template is made of, comments and strings aside. */
function wordsOf(template: readonly TemplateFile[]): Set<string> {
  const code = template.filter(({ path }) => path.endsWith('.ts')).map(({ text }) => text)
  return new Set(
    code
      .join('\n')
      .replaceAll(/\/\/.*|\/\*[^]*?\*\/|'[^'\n]*'|`[^`]*`/g, '')
      .match(/[A-Za-z_$][\w$]*/g)
  )
}
