import { Deadline, Deadlines } from '@ilp-wrap/core'
import type { Clock, Timer } from '@ilp-wrap/core'
import type { Cluster, Redis } from 'ioredis'
import { UnavailableError, closedError, corruptError } from './errors.js'
import { keyNames, keyTypes } from './keys.js'
import type { KeyName, Keys } from './keys.js'
import { scripts } from './scripts.js'
import type { ScriptName } from './scripts.js'

export type Client = Redis | Cluster

/** What becomes of a call while Redis is away: it fails at once, or waits until its deadline. */
export type OnUnavailable = 'reject' | 'wait'

/** How soon a call is made again after an answer that says "not now", such as CLUSTERDOWN or OOM. */
const PAUSE_MS = 50

export interface RunOptions {
  /** Whether to wait while Redis is away. Default: as the store does. */
  wait?: boolean
  deadline?: number
}

/** What `defineCommand` makes of the scripts. */
type Scripts = Record<`ilpWrapLedger1${ScriptName}`, (...args: string[]) => Promise<unknown>>

/** What a Link has Redis do. */
type Command<T> = (client: Client) => Promise<T>

/** One command, until its deadline. */
class Call extends Deadline {
  /** Whether Redis may have got it. */
  sent = false
  ended = false
  readonly link: Link
  readonly command: Command<unknown>
  /** What it touches. */
  readonly keys: Keys | undefined
  readonly wait: boolean
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void

  constructor(
    at: number,
    link: Link,
    command: Command<unknown>,
    keys: Keys | undefined,
    wait: boolean,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void
  ) {
    super(at)
    this.link = link
    this.command = command
    this.keys = keys
    this.wait = wait
    this.resolve = resolve
    this.reject = reject
  }

  override expire(): void {
    this.link.tooLate(this)
  }
}

/**
 * The way to Redis: runs scripts, each within its deadline, and knows when nobody answers. While Redis is away, calls are
 * not handed to the client, whose queues would keep them beyond their deadline.
 */
export class Link {
  readonly client: Client
  readonly #wait: boolean
  readonly #timeoutMs: number
  readonly #clock: Clock
  /** Calls that have not ended. */
  readonly #calls: Deadlines
  /** Those of them that wait for Redis, in order. */
  readonly #waiting = new Set<Call>()
  /** Whether a call was not answered in time, and none has been since. */
  #stalled = false
  /** Since when Redis has answered without a break, if there was one. */
  #availableSince = -Infinity
  #wasReady: boolean
  #pause: Timer | undefined
  #closed = false
  #drained: (() => void) | undefined

  constructor(client: Client, onUnavailable: OnUnavailable, timeoutMs: number, clock: Clock) {
    this.client = client
    this.#wait = onUnavailable === 'wait'
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    this.#calls = new Deadlines(clock)
    this.#wasReady = client.status === 'ready'
    for (const [name, { keys, lua }] of Object.entries(scripts)) {
      client.defineCommand(`ilpWrapLedger1${name}`, { numberOfKeys: keys.length, lua })
    }
    client.on('error', ignore)
    client.on('ready', this.#ready)
    client.on('end', this.#ended)
    // a client with `lazyConnect` would connect at its first command, which it does not get before
    if (client.status === 'wait') client.connect().catch(ignore)
  }

  /** For how long Redis has answered without a break, in milliseconds. */
  get availableMs(): number {
    return this.available ? this.#clock.monotonic() - this.#availableSince : 0
  }

  get available(): boolean {
    return this.client.status === 'ready' && !this.#stalled
  }

  /** When a call that is made now will have taken too long, by the clock. */
  get deadline(): number {
    return this.#clock.now() + this.#timeoutMs
  }

  /**
   * Runs a script. Rejects with an UnavailableError when there was no answer, and with an InvalidServicesError
   * (`ILP_WRAP_CORRUPT_STORE`) when what it found in Redis was not written there by these scripts.
   */
  run(name: ScriptName, keys: Keys, args: readonly string[], options?: RunOptions): Promise<unknown> {
    const command: Command<unknown> = (client) => {
      const script = (client as unknown as Scripts)[`ilpWrapLedger1${name}`]
      return script.call(client, ...scripts[name].keys.map((key) => keys.get(key)), ...args)
    }
    return this.#call(command, keys, options)
  }

  /** Makes another call, once Redis is there, in the same way. */
  call<T>(command: Command<T>): Promise<T> {
    return this.#call(command, undefined, { wait: true }) as Promise<T>
  }

  #call(
    command: Command<unknown>,
    keys: Keys | undefined,
    { wait = this.#wait, deadline = this.deadline }: RunOptions = {}
  ): Promise<unknown> {
    if (this.#closed) return Promise.reject(closedError())
    return new Promise((resolve, reject) => {
      const call = new Call(deadline, this, command, keys, wait, resolve, reject)
      this.#calls.add(call)
      if (this.available && this.#waiting.size === 0) this.#send(call)
      else this.#putOff(call, undefined)
    })
  }

  #send(call: Call): void {
    call.sent = true
    let answer: Promise<unknown>
    try {
      answer = call.command(this.client)
    } catch (error) {
      // a Cluster throws when it knows no node for the slot
      this.#putOff(call, error)
      return
    }
    answer.then(
      (value) => {
        this.#answered()
        this.#end(call)
        call.resolve(value)
      },
      (error: unknown) => {
        this.#failed(call, error)
      }
    )
  }

  #failed(call: Call, error: unknown): void {
    const message = String(error)
    const name = /ILPWRAP_CORRUPT:(\w+):/.exec(message)?.[1] as KeyName | undefined
    const isForeign = name !== undefined || message.includes('WRONGTYPE')
    if (call.keys === undefined || !isForeign) {
      this.#putOff(call, error)
      return
    }
    this.#answered()
    void this.#blame(call, call.keys, name, error)
  }

  /** Fails a call that has found what was not written by these scripts: under the key of that name, or of another type. */
  async #blame(call: Call, keys: Keys, name: KeyName | undefined, cause: unknown): Promise<void> {
    try {
      const error = this.corrupt(keys, name ?? (await this.#wrongType(keys)))
      this.#end(call)
      call.reject(error)
    } catch {
      this.#putOff(call, cause)
    }
  }

  async #wrongType(keys: Keys): Promise<KeyName> {
    const types = await Promise.all(keyNames.map((name) => this.client.type(keys.get(name))))
    const wrong = keyNames.filter((name, index) => ![keyTypes[name], 'none'].includes(types[index] as string))
    const [first] = [...wrong, 'books' as const]
    return first
  }

  corrupt(keys: Keys, name: KeyName): Error {
    return corruptError((this.client.options.keyPrefix ?? '') + keys.get(name))
  }

  /** Lets a call wait for Redis, or fails it. */
  #putOff(call: Call, cause: unknown): void {
    if (call.ended) return
    if (!call.wait || this.#closed || this.client.status === 'end') {
      this.#fail(call, cause)
      return
    }
    this.#waiting.add(call)
    if (this.available) this.#pause ??= this.#clock.setTimeout(this.#resume, PAUSE_MS)
  }

  #fail(call: Call, cause: unknown): void {
    this.#end(call)
    call.reject(this.#closed ? closedError() : new UnavailableError(call.sent, cause))
  }

  #end(call: Call): void {
    call.ended = true
    this.#calls.delete(call)
    if (this.#calls.size === 0) this.#drained?.()
  }

  /** The deadline of `call` has come. */
  tooLate(call: Call): void {
    if (!this.#waiting.delete(call) && this.available) this.#stalled = true
    this.#fail(call, undefined)
  }

  #answered(): void {
    if (this.#stalled) this.#ready()
  }

  readonly #ready = (): void => {
    this.#stalled = false
    if (this.#wasReady) this.#availableSince = this.#clock.monotonic()
    this.#wasReady = true
    this.#resume()
  }

  readonly #resume = (): void => {
    this.#stopPause()
    if (!this.available) return
    const calls = [...this.#waiting]
    this.#waiting.clear()
    for (const call of calls) this.#send(call)
  }

  /** The client will not come back. */
  readonly #ended = (): void => {
    this.#stopPause()
    const calls = [...this.#waiting]
    this.#waiting.clear()
    for (const call of calls) this.#fail(call, undefined)
  }

  #stopPause(): void {
    if (this.#pause !== undefined) this.#clock.clearTimeout(this.#pause)
    this.#pause = undefined
  }

  /** Ends what waits, and lets what was sent have its answer, until its deadline. */
  async close(): Promise<void> {
    this.#closed = true
    this.#ended()
    if (this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
    }
    this.#calls.close()
    this.client.off('ready', this.#ready)
    this.client.off('end', this.#ended)
    this.client.off('error', ignore)
  }
}

function ignore(): void {
  // what becomes of the connection is seen by the client's status
}
