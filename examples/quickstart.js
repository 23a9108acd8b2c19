// Two wrapped plugins, joined in process: packets, a limit, the books, and what happened on the way.
import { balance, balanceOf, events, logging, rateLimit, retry, wrap } from 'ilp-wrap'
import { isFulfill, rejectCode } from '@ilp-wrap/core/packet'
import { fulfill, loopbackPair, prepare } from '@ilp-wrap/testing'

const { alice, bob } = loopbackPair()

const sender = wrap(alice, [retry(), balance({ maximum: 0n, minimum: -250n }), rateLimit(), logging()], {
  account: 'bob'
})
const receiver = wrap(bob, [retry(), balance({ maximum: 1_000n }), rateLimit(), logging()], { account: 'alice' })

events(sender).subscribe((event) => {
  console.log('sender:', event.source, event.type)
})

receiver.registerDataHandler(() => Promise.resolve(fulfill()))
await Promise.all([sender.connect(), receiver.connect()])

for (const amount of [100n, 100n, 100n]) {
  const reply = await sender.sendData(prepare({ amount }))
  console.log(`${amount} units:`, isFulfill(reply) ? 'fulfilled' : `rejected with ${rejectCode(reply)}`)
}

console.log('the sender owes', -(await balanceOf(sender).snapshot()).committed)
console.log('the receiver is owed', (await balanceOf(receiver).snapshot()).committed)

await Promise.all([sender.disconnect(), receiver.disconnect()])
