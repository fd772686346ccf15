import { cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { LIFE_KEY } from '../../../runtime/log/embedded/key-index/layout.ts'
import { INDEX_FOLDER } from '../../../runtime/log/embedded/key-index/opening.ts'
import { Store } from '../../../runtime/log/embedded/key-index/store.ts'
import { ItemWriter, newestText, openIndexed } from '../../support/indexed-log.ts'

const signal = new AbortController().signal
let place: string
let folder: string

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'tailrace-index-'))
  folder = join(place, 'log')
})
afterEach(() => rm(place, { recursive: true, force: true }))

/** Units that write the keys 0 to 9 with this text, each its own; an index has all of them. */
async function write(text: string, isIndexed = true, of = folder): Promise<void> {
  await using log = await openIndexed(of, { isIndexed })
  const writer = new ItemWriter(log)
  for (let key = 0; key < 10; key++) await log.append(writer.unit([[String(key), `${text} ${key}`]]), signal)
  if (isIndexed) await newestText(log, '0')
}

/** The text of key 3 after an opening, and why the index that was there was not used. */
async function reopened(of = folder): Promise<{ text: string | null | undefined; why: string | undefined }> {
  const said: string[] = []
  await using log = await openIndexed(of, { said })
  const text = await newestText(log, '3')
  const line = said.find(message => message.includes('is not used'))
  return { text, why: line === undefined ? undefined : (JSON.parse(line) as { why: string }).why }
}

/** Everything but the index. */
async function copyLog(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: path => !path.includes(INDEX_FOLDER) })
}

async function replaceLog(by: string): Promise<void> {
  for (const name of await readdir(folder)) if (!name.startsWith(INDEX_FOLDER)) await rm(join(folder, name))
  for (const name of await readdir(by)) await rename(join(by, name), join(folder, name))
}

/** As if it had not been closed. */
async function leaveOpen(life: Record<string, unknown>, of = folder): Promise<void> {
  await using store = await Store.open(join(of, INDEX_FOLDER))
  const known = JSON.parse(store.get(LIFE_KEY)!.toString('utf8')) as Record<string, unknown>
  await store.put(LIFE_KEY, Buffer.from(JSON.stringify({ ...known, clean: false, ...life })), true)
}

describe('an index that is opened', () => {
  it('is used again when it was closed in good order', async () => {
    await write('one')
    expect(await reopened()).toEqual({ text: 'one 3', why: undefined })
  })

  it('is built from the log when it is missing, or was never there', async () => {
    await write('one')
    await write('two', false)
    await rm(join(folder, INDEX_FOLDER), { recursive: true })
    expect(await reopened()).toEqual({ text: 'two 3', why: undefined })
  })

  it('goes on from where it was when the log grew without it', async () => {
    await write('one')
    await write('two', false)
    expect(await reopened()).toEqual({ text: 'two 3', why: undefined })
  })

  it('is built anew when it is ahead of a log that was restored', async () => {
    await write('one')
    await copyLog(folder, join(place, 'copy'))
    await write('two')
    await replaceLog(join(place, 'copy'))
    expect(await reopened()).toEqual({ text: 'one 3', why: expect.stringContaining('ahead') })
  })

  it('is built anew when a restored log has gone on without it', async () => {
    await write('one')
    await copyLog(folder, join(place, 'copy'))
    await write('two')
    await replaceLog(join(place, 'copy'))
    await write('three', false)
    expect(await reopened()).toEqual({ text: 'three 3', why: expect.stringContaining('restored') })
  })

  it('is built anew when it belongs to another log', async () => {
    await write('one')
    const other = join(place, 'other')
    await write('foreign', true, other)
    await rm(join(folder, INDEX_FOLDER), { recursive: true })
    await rename(join(other, INDEX_FOLDER), join(folder, INDEX_FOLDER))
    expect(await reopened()).toEqual({ text: 'one 3', why: expect.stringContaining('another log') })
  })

  it('is built anew when the machine stopped while it was open', async () => {
    await write('one')
    await leaveOpen({ boot: 'an earlier start' })
    expect(await reopened()).toEqual({ text: 'one 3', why: expect.stringContaining('machine stopped') })
  })

  it('is used again when only the process ended, and built anew when it is a copy made meanwhile', async () => {
    await write('one')
    await leaveOpen({})
    await cp(folder, join(place, 'copy'), { recursive: true })
    expect(await reopened()).toEqual({ text: 'one 3', why: undefined })
    expect(await reopened(join(place, 'copy'))).toEqual({ text: 'one 3', why: expect.stringContaining('copy') })
  })

  it('is built anew when LevelDB cannot read it', async () => {
    await write('one')
    await rm(join(folder, INDEX_FOLDER, 'CURRENT'))
    const names = await readdir(join(folder, INDEX_FOLDER))
    for (const name of names.filter(name => name.startsWith('MANIFEST'))) await rm(join(folder, INDEX_FOLDER, name))
    expect((await reopened()).text).toBe('one 3')
  })
})
