import { Deadlines, monotonicClock } from '@ilp-wrap/core'
import type { Clock } from '@ilp-wrap/core'
import { Call } from './call.js'
import type { Client, Command } from './call.js'
import { UnavailableError, closedError, corruptError } from './errors.js'
import { keyNames, keyTypes } from './keys.js'
import type { KeyName, Keys } from './keys.js'
import { Lane, isAnswer } from './lane.js'
import { scripts } from './scripts.js'
import type { ScriptName } from './scripts.js'

/** What becomes of a call while Redis is away: it fails at once, or waits until its deadline. */
export type OnUnavailable = 'reject' | 'wait'

export interface RunOptions {
  /** Whether to wait while Redis is away. Default: as the store does. */
  wait?: boolean
  deadline?: number
}

/** What `defineCommand` makes of the scripts. */
type Scripts = Record<`ilpWrapLedger1${ScriptName}`, (...args: string[]) => Promise<unknown>>

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
  /** For all that is not of an account of a Cluster. */
  readonly #main: Lane
  /** Those of the accounts of a Cluster. */
  readonly #lanes = new Map<Keys, Lane>()
  /** Since when the client has been ready without a break, if there was one. */
  #readySince = -Infinity
  #wasReady: boolean
  #closed = false
  #drained: (() => void) | undefined

  constructor(client: Client, onUnavailable: OnUnavailable, timeoutMs: number, clock: Clock) {
    this.client = client
    this.#wait = onUnavailable === 'wait'
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    // a step of the wall clock makes no call longer or shorter
    this.#calls = new Deadlines(monotonicClock(clock))
    this.#main = this.#lane((client) => client.ping())
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

  /** The way to an account. */
  to(keys: Keys | undefined): Lane {
    // one Redis answers for all accounts, or for none
    if (keys === undefined || !('nodes' in this.client)) return this.#main
    let lane = this.#lanes.get(keys)
    if (lane === undefined) {
      lane = this.#lane((client) => client.exists(keys.get('books')))
      this.#lanes.set(keys, lane)
    }
    return lane
  }

  #lane(probe: Command<unknown>): Lane {
    const send = (call: Call): void => {
      this.#send(call)
    }
    return new Lane(this.client, this.#clock, probe, send, this.#readySince)
  }

  /** When a call that is made now will have taken too long, by the monotonic clock. */
  get deadline(): number {
    return this.#clock.monotonic() + this.#timeoutMs
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
      const lane = this.to(keys)
      const call = new Call(deadline, lane, command, keys, wait, resolve, reject, this.#tooLate)
      this.#calls.add(call)
      if (lane.isFree) this.#send(call)
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
        call.lane.answered()
        this.#end(call)
        call.resolve(value)
      },
      (error: unknown) => {
        this.#failed(call, error)
      }
    )
  }

  #failed(call: Call, error: unknown): void {
    if (isAnswer(error)) call.lane.answered()
    const message = String(error)
    const name = /ILPWRAP_CORRUPT:(\w+):/.exec(message)?.[1] as KeyName | undefined
    const isForeign = name !== undefined || message.includes('WRONGTYPE')
    if (call.keys === undefined || !isForeign) {
      this.#putOff(call, error)
      return
    }
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
    call.lane.wait(call)
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

  readonly #tooLate = (call: Call): void => {
    call.lane.tooLate(call)
    this.#fail(call, undefined)
  }

  readonly #ready = (): void => {
    if (this.#wasReady) this.#readySince = this.#clock.monotonic()
    this.#wasReady = true
    for (const lane of this.#all) lane.ready(this.#readySince)
  }

  /** The client will not come back. */
  readonly #ended = (): void => {
    for (const lane of this.#all) for (const call of lane.end()) this.#fail(call, undefined)
  }

  get #all(): Lane[] {
    return [this.#main, ...this.#lanes.values()]
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
