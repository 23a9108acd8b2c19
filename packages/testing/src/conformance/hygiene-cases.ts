import { prepare } from '../packets.js'
import { outcome } from './checks.js'
import type { BareCase } from './case.js'

const hello = Buffer.from('hello')

export const hygieneCases: readonly BareCase[] = [
  {
    clause: 'C72',
    title: 'leaves nobody an unhandled rejection when answers come after disconnect()',
    needs: ['peer'],
    async run(scene) {
      const { plugin, peer } = scene
      const answers: (() => void)[] = []
      const late = (): Promise<Buffer> =>
        new Promise((resolve, reject) => {
          const fails = answers.length % 2 === 1
          answers.push(() => (fails ? reject(new Error('conformance: late')) : resolve(hello)))
        })
      peer.registerDataHandler(late)
      plugin.registerDataHandler(late)
      await plugin.connect()
      const ended = [
        ...[hello, prepare()].map((data) => outcome(() => plugin.sendData(data))),
        ...[hello, prepare()].map((data) => outcome(() => peer.sendData(data)))
      ]
      await scene.until(() => answers.length === ended.length)
      await plugin.disconnect()
      for (const answer of answers) answer()
      await Promise.all(ended.slice(0, 2))
      await scene.quiet()
    }
  },
  {
    clause: 'C73',
    title: 'leaves no timer when all has settled and it is disconnected',
    needs: ['peer'],
    async run(scene) {
      const { plugin, peer } = scene
      peer.registerDataHandler((data) => Promise.resolve(data))
      plugin.registerDataHandler((data) => Promise.resolve(data))
      const before = timers()
      await plugin.connect()
      await Promise.all([plugin.sendData(hello), peer.sendData(hello), plugin.sendData(prepare())])
      await plugin.disconnect()
      // timers of others may come and go; those that stay are the plugin's
      await scene.until(() => timers() <= before)
    }
  }
]

/** How many timers keep this process alive, a sleep of one's own not among them. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}
