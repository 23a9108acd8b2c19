import assert from 'node:assert/strict'
import type { PluginV2 } from '@ilp-wrap/core'
import { sleep } from './checks.js'
import type { Build, Feature, Network, PeerPlugin, Subject } from './case.js'

/** What a case has to work with: the plugin under test, its peer, and the network between them. */
export class Scene {
  readonly plugin: PluginV2
  readonly #subject: Subject
  readonly #quietMs: number
  #over = false
  readonly #supports: (feature: Feature) => boolean

  constructor(plugin: PluginV2, subject: Subject, quietMs: number, supports: (feature: Feature) => boolean) {
    this.plugin = plugin
    this.#subject = subject
    this.#quietMs = quietMs
    this.#supports = supports
  }

  get peer(): PeerPlugin {
    return this.#subject.peer ?? missing('peer', 'peer')
  }

  get build(): Build {
    return this.#subject.build ?? missing('build', 'build')
  }

  supports(feature: Feature): boolean {
    return this.#supports(feature)
  }

  lose(): Promise<void> {
    return this.#break('lose')
  }

  refuse(): Promise<void> {
    return this.#break('refuse')
  }

  silence(): Promise<void> {
    return this.#break('silence')
  }

  heal(): Promise<void> {
    return this.#break('heal')
  }

  async #break(how: keyof Network): Promise<void> {
    const { network } = this.#subject
    if (network?.[how] === undefined) missing(`network.${how}`, how === 'heal' ? 'refuse' : how)
    await network[how]()
  }

  /** Waits for what must not happen. */
  async quiet(): Promise<void> {
    await sleep(this.#quietMs)
  }

  /** Waits until `check` is true, or the case has taken too long. */
  async until(check: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await check()) && !this.#over) await sleep(1)
  }

  /** The case is done with, one way or another. */
  end(): void {
    this.#over = true
  }
}

function missing(what: string, feature: Feature): never {
  assert.fail(`the factory gives no \`${what}\`, and the manifest does not say \`${feature}: false\``)
}
