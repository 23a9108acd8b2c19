import { ClassicLevel } from 'classic-level'
import { expect, it } from 'vitest'
import { Database } from '../src/database.js'
import { Late, Writer } from '../src/writer.js'
import { directory } from './setup.js'

class Text extends Late {
  fails = false
  text(): string {
    if (this.fails) throw new Error('no text')
    return 'text'
  }
}

it('a value that cannot be made rejects its batch, and is written once it can', async () => {
  // nobody was ever told anything again: the batch that failed so stayed the one that gathers
  const database = new Database(await directory(), (path) => new ClassicLevel(path))
  await database.open()
  const writer = new Writer(database, true)
  const text = new Text()
  text.fails = true
  writer.put('1/a', text)
  writer.put('1/b', 'b')
  await expect(writer.written()).rejects.toThrow('no text')
  await expect(writer.written()).rejects.toThrow('no text')
  text.fails = false
  await writer.written()
  expect([writer.read('1/a'), writer.read('1/b')]).toEqual(['text', 'b'])
  await database.close()
})
