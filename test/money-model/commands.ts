import fc from 'fast-check'
import { LIMIT, THRESHOLD } from './world.js'
import type { End, Plan, World } from './world.js'

/** The books stand beside each end, in the world; the model of fast-check has nothing to add. */
export type Model = object

/** What may happen next. After each, both ends must agree with their books. */
abstract class Step implements fc.AsyncCommand<Model, World> {
  readonly #end: 0 | 1

  constructor(end: 0 | 1) {
    this.#end = end
  }

  check(): boolean {
    return true
  }

  async run(_model: Model, world: World): Promise<void> {
    await this.act(world.ends[this.#end], world)
    await world.check()
  }

  abstract act(end: End, world: World): Promise<void> | void

  abstract what(): string

  toString(): string {
    return `${this.#end === 0 ? 'a' : 'b'}.${this.what()}`
  }
}

class Send extends Step {
  readonly #amounts: readonly bigint[]
  readonly #expiresInMs: number
  readonly #plan: Plan

  constructor(end: 0 | 1, amounts: readonly bigint[], expiresInMs: number, plan: Plan) {
    super(end)
    this.#amounts = amounts
    this.#expiresInMs = expiresInMs
    this.#plan = plan
  }

  act(end: End): void {
    for (const amount of this.#amounts) end.send(amount, this.#expiresInMs, this.#plan)
  }

  what(): string {
    return `send([${this.#amounts.join(', ')}], ${this.#expiresInMs} ms, ${this.#plan})`
  }
}

class Fill extends Step {
  readonly #expiresInMs: number
  readonly #plan: Plan

  constructor(end: 0 | 1, expiresInMs: number, plan: Plan) {
    super(end)
    this.#expiresInMs = expiresInMs
    this.#plan = plan
  }

  act(end: End): void {
    end.fill(this.#expiresInMs, this.#plan)
  }

  what(): string {
    return `fill(${this.#expiresInMs} ms, ${this.#plan})`
  }
}

class Answer extends Step {
  readonly #count: number
  readonly #how: 'accept' | 'refuse' | 'throw'

  constructor(end: 0 | 1, count: number, how: 'accept' | 'refuse' | 'throw') {
    super(end)
    this.#count = count
    this.#how = how
  }

  act(end: End): void {
    end.answer(this.#count, this.#how)
  }

  what(): string {
    return `answer(${this.#count}, ${this.#how})`
  }
}

class Pay extends Step {
  readonly #amount: bigint

  constructor(end: 0 | 1, amount: bigint) {
    super(end)
    this.#amount = amount
  }

  act(end: End): void {
    end.pay(this.#amount)
  }

  what(): string {
    return `pay(${this.#amount})`
  }
}

class Resolve extends Step {
  act(end: End): Promise<void> {
    return end.resolve()
  }

  what(): string {
    return 'resolve()'
  }
}

class SetLimits extends Step {
  readonly #maximum: bigint
  readonly #minimum: bigint

  constructor(end: 0 | 1, maximum: bigint, minimum: bigint) {
    super(end)
    this.#maximum = maximum
    this.#minimum = minimum
  }

  act(end: End): void {
    end.setLimits(this.#maximum, this.#minimum)
  }

  what(): string {
    return `setLimits(${this.#maximum}, ${this.#minimum})`
  }
}

class Advance extends Step {
  readonly #ms: number

  constructor(ms: number) {
    super(0)
    this.#ms = ms
  }

  act(_end: End, world: World): Promise<void> {
    return world.advance(this.#ms)
  }

  what(): string {
    return `advance(${this.#ms} ms)`
  }
}

class Jump extends Step {
  readonly #ms: number

  constructor(ms: number) {
    super(0)
    this.#ms = ms
  }

  act(_end: End, world: World): void {
    world.clock.jump(this.#ms)
  }

  what(): string {
    return `jump(${this.#ms} ms)`
  }
}

class Lose extends Step {
  act(_end: End, world: World): void {
    world.link.lose()
  }

  what(): string {
    return 'lose()'
  }
}

class Disconnect extends Step {
  readonly #ms: number

  constructor(end: 0 | 1, ms: number) {
    super(end)
    this.#ms = ms
  }

  async act(end: End, world: World): Promise<void> {
    await end.plugin.disconnect()
    await world.advance(this.#ms)
    await end.plugin.connect()
  }

  what(): string {
    return `disconnect() for ${this.#ms} ms`
  }
}

/** Up to `count` steps of two hosts and of the link between them. */
export function steps(count: number): fc.Arbitrary<Iterable<fc.AsyncCommand<Model, World>>> {
  const end = fc.constantFrom<0 | 1>(0, 1)
  const amount = fc.oneof(
    { weight: 20, arbitrary: fc.bigInt({ min: 1n, max: 150n }) },
    { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: LIMIT + 1n }) },
    // RFC 0027: an amount is a UInt64, zero included
    { weight: 1, arbitrary: fc.constantFrom(0n, 1n, LIMIT, 2n ** 64n - 1n) }
  )
  const plan = fc.oneof(
    { weight: 12, arbitrary: fc.constant<Plan>('accept') },
    { weight: 6, arbitrary: fc.constant<Plan>('later') },
    { weight: 3, arbitrary: fc.constantFrom<Plan>('refuse', 'throw', 'never') }
  )
  const how = fc.constantFrom<'accept' | 'refuse' | 'throw'>('accept', 'accept', 'accept', 'refuse', 'throw')
  const expiresInMs = fc.integer({ min: 1, max: 40_000 })
  const send = fc
    .tuple(end, fc.array(amount, { minLength: 1, maxLength: 40, size: 'max' }), expiresInMs, plan)
    .map(([side, amounts, ms, what]) => new Send(side, amounts, ms, what))
  const commands: fc.Arbitrary<fc.AsyncCommand<Model, World>>[] = [
    send,
    send,
    send,
    send,
    fc.tuple(end, fc.integer({ min: 1, max: 100 }), how).map(([side, n, what]) => new Answer(side, n, what)),
    fc.tuple(end, fc.integer({ min: 1, max: 100 }), how).map(([side, n, what]) => new Answer(side, n, what)),
    fc.tuple(end, expiresInMs, plan).map(([side, ms, what]) => new Fill(side, ms, what)),
    fc.tuple(end, fc.bigInt({ min: 1n, max: 3_000n })).map(([side, units]) => new Pay(side, units)),
    end.map((side) => new Resolve(side)),
    fc
      .tuple(end, fc.bigInt({ min: 0n, max: 2n * LIMIT }), fc.bigInt({ min: -2n * LIMIT, max: THRESHOLD - 1n }))
      .map(([side, maximum, minimum]) => new SetLimits(side, maximum, minimum)),
    fc.integer({ min: 1, max: 200 }).map((ms) => new Advance(ms)),
    fc.integer({ min: 1, max: 1_000 }).map((ms) => new Advance(ms)),
    fc.integer({ min: 1, max: 40_000 }).map((ms) => new Advance(ms)),
    fc.integer({ min: -20_000, max: 20_000 }).map((ms) => new Jump(ms)),
    fc.constant(new Lose(0)),
    fc.tuple(end, fc.integer({ min: 0, max: 1_000 })).map(([side, ms]) => new Disconnect(side, ms))
  ]
  return fc.commands(commands, { maxCommands: count, size: 'max' })
}
