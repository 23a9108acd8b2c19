import type { PluginV2 } from '@ilp-wrap/core'
import { ReferencePlugin, loopbackPair } from '../reference-plugin.js'
import { Loopback } from '../loopback.js'
import type { LoopbackOptions } from '../loopback.js'
import type { Factory, Subject } from './case.js'

/**
 * Makes subjects of reference plugins, for `conformance` to be run over what is put around them. `vary` puts another
 * kind of plugin in the place of the plugin itself.
 */
export function referenceFactory(
  options: LoopbackOptions = {},
  vary: (plugin: ReferencePlugin) => PluginV2 = (plugin) => plugin
): Factory {
  return async (): Promise<Subject> => {
    const { alice, bob, link } = loopbackPair({ reconnectMs: 1, responseTimeoutMs: 2000, ...options })
    await bob.connect()
    return {
      plugin: vary(alice),
      peer: bob,
      network: {
        lose: () => link.lose(),
        refuse: () => link.refuse(),
        silence: () => link.silence(),
        heal: () => link.heal()
      },
      build: {
        construct: (given, services) => Reflect.construct(ReferencePlugin, [given, services]) as unknown,
        options: { link: new Loopback() },
        badOptions: {}
      },
      cleanup: () => bob.disconnect()
    }
  }
}
