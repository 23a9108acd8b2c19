import { badOption } from '@ilp-wrap/core/options'

/** What a new middleware is called, wherever its name stands. */
export interface Names {
  /** Of the package, with its scope if it has one. */
  readonly full: string
  /** Of files, events and the middleware itself. */
  readonly kebab: string
  /** Of the factory. */
  readonly camel: string
  /** Of types. */
  readonly pascal: string
}

/** As RFC 0024 packages are named; a scope is one's own at the registry. */
const NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?([a-z][a-z0-9]*(?:-[a-z0-9]+)*)$/

/** What no function may be called (ECMA-262, "Keywords and Reserved Words"), as far as it is one word of letters. */
const RESERVED = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export extends ' +
    'false finally for function if implements import in instanceof interface let new null package private protected ' +
    'public return static super switch this throw true try typeof undefined var void while with yield'
  ).split(' ')
)

/** Files of the template that every middleware has. */
const FILES = new Set(['index', 'events'])

/**
 * @param taken the words of the template that mean something in its code
 * @throws InvalidFieldsError for what can be no such name
 */
export function namesOf(name: string, taken: ReadonlySet<string>): Names {
  const kebab = NAME.exec(name)?.[1] ?? badOption('name', 'in kebab-case, with or without a scope', name)
  const camel = kebab.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  if (RESERVED.has(camel) || FILES.has(kebab) || taken.has(camel)) {
    badOption('name', 'a word of its own, such as `my-thing`, which its sources use for nothing else', name)
  }
  return { full: name, kebab, camel, pascal: camel.charAt(0).toUpperCase() + camel.slice(1) }
}
