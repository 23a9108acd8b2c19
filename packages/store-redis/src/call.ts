import { Deadline } from '@ilp-wrap/core'
import type { Cluster, Redis } from 'ioredis'
import type { Keys } from './keys.js'
import type { Lane } from './lane.js'

export type Client = Redis | Cluster

/** What a Link has Redis do. */
export type Command<T> = (client: Client) => Promise<T>

/** One command, until its deadline. */
export class Call extends Deadline {
  /** Whether Redis may have got it. */
  sent = false
  ended = false
  readonly lane: Lane
  readonly command: Command<unknown>
  /** What it touches. */
  readonly keys: Keys | undefined
  readonly wait: boolean
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly #tooLate: (call: Call) => void

  constructor(
    at: number,
    lane: Lane,
    command: Command<unknown>,
    keys: Keys | undefined,
    wait: boolean,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    tooLate: (call: Call) => void
  ) {
    super(at)
    this.lane = lane
    this.command = command
    this.keys = keys
    this.wait = wait
    this.resolve = resolve
    this.reject = reject
    this.#tooLate = tooLate
  }

  override expire(): void {
    this.#tooLate(this)
  }
}
