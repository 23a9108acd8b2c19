import type { CompatOptions } from '@ilp-wrap/compat'
import { InvalidFieldsError, isPluginV1, isPluginV2 } from '@ilp-wrap/core'
import type { PluginClass } from '@ilp-wrap/core'
import { MemoryLog, MemoryStore } from '@ilp-wrap/testing'
import { Modules } from '../config/modules.js'
import { Places, filled } from './places.js'
import type { End, Texts } from './places.js'
import { Words } from './words.js'

/** What is to be checked, as the command line says it. The options of the two ends may hold placeholders. */
export interface Request {
  /** The module of the plugin class, by name or path. */
  readonly module: string
  /** The export of it that is the class. */
  readonly export?: string | undefined
  /** JSON, as are those below. */
  readonly options?: string | undefined
  readonly peerOptions?: string | undefined
  readonly badOptions?: string | undefined
  readonly compat?: string | undefined
  readonly peerCompat?: string | undefined
}

const FLAGS: Readonly<Record<End, string>> = { plugin: '--options', peer: '--peer-options' }
const EXPECTED = 'the name or path of an installed plugin'

/** A plugin class, and what its instances are made with. */
export class Target {
  readonly Plugin: PluginClass<object>
  #texts: Texts
  readonly hasPeer: boolean
  readonly badOptions: object | undefined
  /** What `compat` is told at each end, of plugins of version 1. */
  readonly compat: Readonly<Record<End, CompatOptions>>
  readonly words: Words = new Words()

  /** @throws InvalidFieldsError for a module that is no class, or for what is no JSON */
  constructor(request: Request, modules: Pick<Modules, 'load'> = new Modules()) {
    const { module, export: name, options = '{}', peerOptions, badOptions, compat = '{}', peerCompat = '{}' } = request
    this.#texts = { plugin: options, peer: peerOptions ?? '{}' }
    this.hasPeer = peerOptions !== undefined
    this.badOptions = badOptions === undefined ? undefined : readObject('--bad-options', badOptions)
    this.compat = { plugin: readObject('--compat', compat), peer: readObject('--peer-compat', peerCompat) }
    const nowhere = { port: 1, link: 1, rpc: 'http://127.0.0.1' }
    for (const end of ['plugin', 'peer'] as const) {
      this.words.hide(readObject(FLAGS[end], filled(this.#texts[end], nowhere)))
    }
    this.words.hide(this.badOptions)
    this.Plugin = modules.load('plugin', name === undefined ? module : `${module}#${name}`, EXPECTED) as never
  }

  get texts(): Texts {
    return this.#texts
  }

  /** From now on that end, whose `{port}` the other one listens on, goes there over the link. */
  link(end: End): void {
    this.#texts = { ...this.#texts, [end]: this.#texts[end].replaceAll('{port}', '{link}') }
  }

  options(end: End, places: Places): object {
    return readObject(FLAGS[end], places.fill(end, this.#texts[end]))
  }

  /**
   * An instance, made as a connector makes it: with the services as the second argument, and among the options.
   *
   * @throws Error, without secrets, when it cannot be made
   */
  make(end: End, places: Places): object {
    const [store, log] = [new MemoryStore(), new MemoryLog()]
    const options = { _store: store, _log: log, ...this.options(end, places) }
    let plugin: object
    try {
      plugin = new this.Plugin(options, { store, log })
    } catch (error) {
      throw this.words.instead(error, `The ${end} cannot be made of these ${FLAGS[end]}`)
    }
    places.serve(end, plugin)
    return plugin
  }

  /**
   * Which version of the interface the plugin has.
   *
   * @throws InvalidFieldsError when it has none
   */
  async version(): Promise<1 | 2> {
    const places = await Places.open(this.texts)
    try {
      const plugin = this.make('plugin', places)
      if (isPluginV1(plugin)) return 1
      if (isPluginV2(plugin)) return 2
    } finally {
      places.close()
    }
    throw new InvalidFieldsError('Expected a plugin class, but its instances have neither sendData nor sendTransfer')
  }
}

/** The object that an option of the command line says. What it says may be secret, and is not quoted. */
function readObject(flag: string, json: string): object {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new InvalidFieldsError(`Expected ${flag} to be JSON, with {port}, {link} and {rpc} as its only other words`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new InvalidFieldsError(`Expected ${flag} to be a JSON object`)
}
