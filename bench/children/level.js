// One contender of the group `stores`, in a process of its own: `level.js bare|balance <directory> <sync>`. It takes how
// many packets to run, and answers when they are through. What LevelDB and the books put off until later is then done by
// the process that it belongs to.
import { randomUUID } from 'node:crypto'
import { balance } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import { isFulfill } from '@ilp-wrap/core/packet'
import { levelStore } from '@ilp-wrap/store-level'
import { ClassicLevel } from 'classic-level'
import { inFlight } from '../lib/measure.js'
import { fulfill, prepare } from '../lib/packets.js'
import { pluginClass } from '../lib/plugins.js'

const contenders = {
  async bare(directory, sync) {
    const level = new ClassicLevel(directory)
    await level.open()
    const put = gathered(level, sync)
    const prefix = randomUUID()
    return async (i) => {
      // as many as the books have at a time: they are small, so this database stays so, too
      const key = `1/hold/"peer"/${prefix}-${i % 10_000}`
      await put(key, 'held out 100 1764000000000')
      await put(key, 'committed out 100 1764000000000')
    }
  },

  async balance(directory, sync) {
    const ledger = levelStore({ location: directory, sync })
    const BenchPlugin = pluginClass(fulfill)
    const plugin = wrap(new BenchPlugin(), [balance({ maximum: Infinity, ledger })], { account: 'peer' })
    await plugin.connect()
    return async () => {
      if (!isFulfill(await plugin.sendData(prepare))) throw new Error('A packet was not fulfilled')
    }
  }
}

/** Puts that come while a batch is written share the next one, as in the store. */
function gathered(level, sync) {
  let operations = []
  let next
  let last = Promise.resolve()
  const write = async () => {
    await last
    await new Promise((resolve) => setImmediate(resolve))
    const batch = operations
    operations = []
    last = next
    next = undefined
    const chain = level.batch()
    for (const [key, value] of batch) chain.put(key, value)
    await chain.write({ sync })
  }
  return (key, value) => {
    operations.push([key, value])
    next ??= write()
    return next
  }
}

const [name, directory, sync] = process.argv.slice(2)
const run = inFlight(await contenders[name](directory, sync === 'true'))
process.on('message', async (packets) => {
  await run(packets)
  process.send('done')
})
process.send('ready')
