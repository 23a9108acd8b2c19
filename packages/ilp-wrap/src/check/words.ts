import { AssertionError } from 'node:assert/strict'
import { unescape } from 'node:querystring'
import { inspect, stripVTControlCharacters } from 'node:util'

/** Names of options whose values are nobody's business. */
const SECRET = /secret|token|passw|passphrase|key|auth|credential|mnemonic|seed|private|\bpin\b/i

/** From this length on a secret is known wherever it stands, not as a word of its own only. */
const LONG = 6

/**
 * What may be printed of messages that plugins make: without the secrets of their options, in one line, and with
 * placeholders where this run has its ports.
 */
export class Words {
  readonly #secrets = new Set<string>()
  readonly #numbers = new Map<string, string>()

  /** What the options keep secret is not printed: values under names of that kind, and the userinfo of addresses. */
  hide(options: unknown, secret = false): void {
    if (typeof options === 'object' && options !== null) {
      for (const [name, value] of Object.entries(options)) this.hide(value, secret || SECRET.test(name))
      return
    }
    const text = String(options)
    if (secret && typeof options !== 'boolean' && text !== '') this.#add(text)
    for (const [, user] of text.matchAll(/\/\/([^/@]+)@/g)) {
      for (const part of String(user).split(':')) if (part !== '') this.#add(part)
    }
  }

  number(port: string, placeholder: string): void {
    this.#numbers.set(port, placeholder)
  }

  /** What may be printed of a text, its lines as they are. */
  clean(text: string): string {
    let cleaned = stripVTControlCharacters(text).replaceAll(/\/\/[^/@\s]+@/g, '//***@')
    for (const secret of [...this.#secrets].sort((a, b) => b.length - a.length)) {
      const escaped = secret.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
      const pattern = secret.length < LONG ? `(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])` : escaped
      cleaned = cleaned.replaceAll(new RegExp(pattern, 'gu'), '***')
    }
    return cleaned.replaceAll(/(?<!\d)\d{4,5}(?!\d)/g, (number) => this.#numbers.get(number) ?? number)
  }

  /** Of an error, or whatever was thrown, in one line. */
  of(error: unknown): string {
    return this.clean(messageOf(error)).replaceAll(/\s+/g, ' ').trim()
  }

  /** The error to be printed in the place of another one. */
  instead(error: unknown, what: string): Error {
    const printed = new Error(`${what}: ${this.of(error)}`)
    if (error instanceof Error && error.stack !== undefined) printed.stack = `${what}: ${this.clean(error.stack)}`
    return printed
  }

  #add(secret: string): void {
    this.#secrets.add(secret)
    // as an address holds it
    this.#secrets.add(unescape(secret))
    this.#secrets.add(JSON.stringify(secret).slice(1, -1))
  }
}

function messageOf(error: unknown): string {
  // the picture that it draws of two values is for many lines
  if (error instanceof AssertionError && /trictEqual$/.test(error.operator)) {
    const values = `expected ${brief(error.expected)}, got ${brief(error.actual)}`
    return error.generatedMessage ? values : `${String(error.message.split('\n', 1)[0])}: ${values}`
  }
  return error instanceof Error ? error.message || error.name : String(error)
}

function brief(value: unknown): string {
  return inspect(value, { depth: 2, maxArrayLength: 4, maxStringLength: 80, breakLength: Infinity })
}
