import createDebug from 'debug'
import type { Debugger } from 'debug'
import type { Log } from './contract.js'

type Level = 'debug' | 'info' | 'warn' | 'error'

/** What a log throws costs its line, and nothing else: neither a packet's answer nor a booking may depend on it. */
abstract class SafeLog implements Log {
  abstract get enabled(): boolean

  debug(message: string, ...args: unknown[]): void {
    this.#try('debug', message, args)
  }

  info(message: string, ...args: unknown[]): void {
    this.#try('info', message, args)
  }

  warn(message: string, ...args: unknown[]): void {
    this.#try('warn', message, args)
  }

  error(message: string, ...args: unknown[]): void {
    this.#try('error', message, args)
  }

  protected abstract write(level: Level, message: string, args: readonly unknown[]): unknown

  #try(level: Level, message: string, args: readonly unknown[]): void {
    try {
      const written = this.write(level, message, args)
      if (written instanceof Promise) written.catch(ignore)
    } catch {
      // there is nobody left to tell
    }
  }
}

/** The host's log, as middleware get it. */
export class GuardedLog extends SafeLog {
  readonly #log: Log

  constructor(log: Log) {
    super()
    this.#log = log
  }

  get enabled(): boolean {
    try {
      return this.#log.enabled !== false
    } catch {
      return true
    }
  }

  protected write(level: Level, message: string, args: readonly unknown[]): unknown {
    // whatever its type says: one that writes to a disk or a network may give a promise
    const log: Record<Level, (message: string, ...args: readonly unknown[]) => unknown> = this.#log
    return log[level](message, ...args)
  }
}

/** The log service over `debug`, which is made on the first line. */
export class DebugLog extends SafeLog {
  readonly #namespace: string
  #debug: Debugger | undefined

  constructor(namespace: string) {
    super()
    this.#namespace = namespace
  }

  get enabled(): boolean {
    // undefined, whatever its type says, until `debug` has been told of any namespaces
    return (this.#debugger().enabled as boolean | undefined) === true
  }

  protected write(_level: Level, message: string, args: readonly unknown[]): void {
    this.#debugger()(message, ...args)
  }

  #debugger(): Debugger {
    this.#debug ??= createDebug(this.#namespace)
    return this.#debug
  }
}

function ignore(): void {
  // as what is thrown
}
