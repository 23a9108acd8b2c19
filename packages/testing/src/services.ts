import { formatWithOptions } from 'node:util'
import type { Log, Store } from '@ilp-wrap/core'

/** The store service of a host, in memory (RFC 0024, "Store"). */
export class MemoryStore implements Store {
  readonly entries: Map<string, string> = new Map()

  get(key: string): Promise<string | undefined> {
    return Promise.resolve(this.entries.get(key))
  }

  put(key: string, value: string): Promise<void> {
    this.entries.set(key, value)
    return Promise.resolve()
  }

  del(key: string): Promise<void> {
    this.entries.delete(key)
    return Promise.resolve()
  }
}

/** The log service of a host, kept as lines: `warn: …` (RFC 0024, "Log"). */
export class MemoryLog implements Log {
  readonly lines: string[] = []

  debug(message: string, ...args: unknown[]): void {
    this.#write('debug', message, args)
  }

  info(message: string, ...args: unknown[]): void {
    this.#write('info', message, args)
  }

  warn(message: string, ...args: unknown[]): void {
    this.#write('warn', message, args)
  }

  error(message: string, ...args: unknown[]): void {
    this.#write('error', message, args)
  }

  #write(level: string, message: string, args: unknown[]): void {
    this.lines.push(
      `${level}: ${formatWithOptions({ depth: 10, compact: 10, breakLength: Infinity }, message, ...args)}`
    )
  }
}
