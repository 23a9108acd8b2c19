import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InvalidFieldsError } from '@ilp-wrap/core'
import { withoutUserinfo } from '@ilp-wrap/core/options'

declare module '@ilp-wrap/core' {
  interface ErrorCodes {
    /**
     * Of `ilp-wrap/plugin`, thrown when a plugin is made from its configuration: the module that stands at the place
     * which the message names is not installed, or has no such export. The message says from where it was looked for:
     * the working directory, the program that runs, and ilp-wrap itself. Install it there, or write its path.
     */
    ILP_WRAP_MODULE_NOT_FOUND: InvalidFieldsError
    /**
     * Of `ilp-wrap/plugin`, thrown when a plugin is made from its configuration: the module is there and cannot be
     * loaded; `cause` has its own error. It may need what is not installed, have no entry for `require`, or be an ES
     * module that awaits at its top level.
     */
    ILP_WRAP_MODULE_FAILED: InvalidFieldsError
  }
}

/** Where a host's modules are: in its working directory, beside the program that runs, and beside this package. */
function places(): string[] {
  // eslint-disable-next-line no-restricted-properties -- nothing else tells of the program, be it CommonJS or ESM
  return [resolve('index.js'), ...process.argv.slice(1, 2), fileURLToPath(import.meta.url)]
}

type AnyFunction = (...args: never[]) => unknown

/**
 * Loads the function or class that a configuration names: a module by name or path, CommonJS or ESM. The first of
 * `bases` (files) that finds it decides; paths are from the first alone.
 */
export class Modules {
  readonly #bases: readonly string[]

  constructor(bases: readonly string[] = places()) {
    this.#bases = bases
  }

  /**
   * The export that `module#export` names; without a name it is the module itself, its default export, or the export by
   * the module's own name in camelCase.
   *
   * @throws InvalidFieldsError naming the `path` in the configuration; `expected` says what may stand there
   */
  load(path: string, specifier: string, expected: string): AnyFunction {
    const [id, name] = split(specifier)
    const module = this.#require(path, id, expected)
    const found = name === undefined ? main(module, camelCase(id)) : member(module, name)
    if (typeof found === 'function') return found as AnyFunction
    throw notFound(
      `Expected \`${path}\` to be ${expected}, but \`${withoutUserinfo(id)}\` exports no function${name === undefined ? '' : ` \`${name}\``}`
    )
  }

  #require(path: string, id: string, expected: string): unknown {
    const shown = withoutUserinfo(id)
    const bases = id.startsWith('.') ? this.#bases.slice(0, 1) : this.#bases
    for (const base of bases) {
      const require = createRequire(base)
      try {
        const file = resolved(require, id)
        if (file !== undefined) return require(file) as unknown
      } catch (cause) {
        // in its own words: of a syntax error, or of a module that it needs in turn
        const words = shown === id ? wordsOf(cause) : withoutUserinfo(wordsOf(cause))
        throw new InvalidFieldsError(`\`${path}\`: \`${shown}\` could not be loaded: ${words}`, {
          code: 'ILP_WRAP_MODULE_FAILED',
          cause
        })
      }
    }
    const from = bases.map((base) => dirname(base)).join(', ')
    throw notFound(
      `Expected \`${path}\` to be ${expected}, got \`${shown}\`, which is not installed (looked from ${from})`
    )
  }
}

/** `module#export` in two. A `#` before anything else than a name is part of a path. */
function split(specifier: string): [id: string, name: string | undefined] {
  const [, id, name] = /^(.+)#([A-Za-z_$][\w$]*)$/s.exec(specifier) ?? []
  return id === undefined ? [specifier, undefined] : [id, name]
}

/** The file of a module; undefined when it is not there. */
function resolved(require: NodeJS.Require, id: string): string | undefined {
  try {
    return require.resolve(id)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

function main(module: unknown, name: string): unknown {
  if (typeof module === 'function') return module
  return member(module, 'default') ?? member(module, name)
}

function member(module: unknown, name: string): unknown {
  return (module as Record<string, unknown> | null | undefined)?.[name]
}

/** `@scope/some-module` and `./some-module.cjs` are `someModule`. */
function camelCase(id: string): string {
  const [word = '', ...words] = (id.split('/').at(-1) as string).replace(/\.[cm]?js$/, '').split(/[-_.]+/)
  return word + words.map((each) => each.charAt(0).toUpperCase() + each.slice(1)).join('')
}

function notFound(message: string): InvalidFieldsError {
  return new InvalidFieldsError(message, { code: 'ILP_WRAP_MODULE_NOT_FOUND' })
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
