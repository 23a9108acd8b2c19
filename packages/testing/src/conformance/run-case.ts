import assert from 'node:assert/strict'
import { MAX_TIMEOUT_MS, systemClock } from '@ilp-wrap/core'
import type { Middleware } from '@ilp-wrap/core'
import { MemoryLog, MemoryStore } from '../services.js'
import { outcome, turn } from './checks.js'
import type { BareCase, Factory, Feature, WrappedCase } from './case.js'
import { Scene } from './scene.js'
import { Workshop } from './workshop.js'

/** What the cases of one run share. */
export interface Settings {
  readonly factory: Factory
  readonly wrap: Middleware | undefined
  readonly timeoutMs: number
  readonly quietMs: number
  readonly supports: (feature: Feature) => boolean
}

/** Runs a case over a subject of its own, cleans up, and rejects with the first thing that was wrong. */
export async function runCase(definition: BareCase | WrappedCase, settings: Settings): Promise<void> {
  const stray = new StrayErrors()
  try {
    if ('runWrapped' in definition) await runInWorkshop(definition, settings)
    else await runOnScene(definition, settings)
  } finally {
    // node tells of a rejection that nobody handles once promises have come to rest
    await turn()
    stray.end()
  }
  stray.check()
}

async function runOnScene(definition: BareCase, settings: Settings): Promise<void> {
  const { wrap, timeoutMs, quietMs, supports } = settings
  const subject = await within(timeoutMs, 'the factory', async () => settings.factory())
  const context = { account: 'conformance', log: new MemoryLog(), store: new MemoryStore() }
  const plugin = wrap === undefined ? subject.plugin : wrap(subject.plugin, context)
  const scene = new Scene(plugin, subject, quietMs, supports)
  try {
    await within(timeoutMs, 'the case', async () => definition.run(scene))
  } finally {
    scene.end()
    // what fails here has failed in a case of its own, or is the factory's to report
    await outcome(() => within(timeoutMs, 'disconnect()', async () => plugin.disconnect()))
    await within(timeoutMs, 'the cleanup', async () => subject.cleanup?.())
  }
}

async function runInWorkshop(definition: WrappedCase, { wrap, timeoutMs }: Settings): Promise<void> {
  assert.ok(wrap !== undefined)
  const workshop = new Workshop(wrap)
  try {
    await within(timeoutMs, 'the case', async () => definition.runWrapped(workshop))
  } finally {
    await workshop.close()
  }
}

async function within<T>(ms: number, what: string, call: () => Promise<T>): Promise<T> {
  let giveUp!: (error: Error) => void
  const late = new Promise<never>((_resolve, reject) => {
    giveUp = reject
  })
  const timer = systemClock.setTimeout(
    () => giveUp(new assert.AssertionError({ message: `${what} is still not done after ${ms} ms` })),
    Math.min(ms, MAX_TIMEOUT_MS)
  )
  try {
    return await Promise.race([call(), late])
  } finally {
    systemClock.clearTimeout(timer)
  }
}

/** Errors that nobody has caught: they belong to the case that was running (clause 72). */
class StrayErrors {
  readonly #seen: unknown[] = []
  readonly #note = (error: unknown): void => {
    this.#seen.push(error)
  }

  constructor() {
    process.on('unhandledRejection', this.#note)
    process.on('uncaughtException', this.#note)
  }

  check(): void {
    if (this.#seen.length === 0) return
    assert.fail(`nobody has caught ${this.#seen.map((error) => String(error)).join(' nor ')} (clause 72)`)
  }

  end(): void {
    process.off('unhandledRejection', this.#note)
    process.off('uncaughtException', this.#note)
  }
}
