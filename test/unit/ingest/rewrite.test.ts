import { describe, expect, it } from '@jest/globals'
import { Random } from '../../crash/random.ts'
import { PaperDatabase } from '../../support/paper-database.ts'
import { PaperIngest, paperRows } from '../../support/paper-ingest.ts'

const KEYS = 20

/** All that a source has is in the log. */
async function filled(): Promise<{ run: PaperIngest; database: PaperDatabase; random: Random }> {
  const database = new PaperDatabase()
  const random = new Random(7)
  for (let i = 0; i < 30; i++) database.commit(random, KEYS, false)
  const run = await PaperIngest.open(database)
  await run.start()
  await run.settle()
  return { run, database, random }
}

/** What the log got meanwhile: `kind key`, sorted. */
async function appended(run: PaperIngest, work: () => Promise<void>): Promise<string[]> {
  const before = (await run.lines()).length
  await work()
  return (await run.lines())
    .slice(before)
    .map(({ kind, key }) => `${kind} ${key}`)
    .toSorted()
}

describe('rows written anew for a sink that lost them', () => {
  it('go through the log although it has the same, also more than a chunk of them', async () => {
    const { run: opened, database } = await filled()
    await using run = opened
    const keys = [...database.rows(() => true).keys()].toSorted()
    expect(keys.length).toBeGreaterThan(6)
    expect(await appended(run, () => run.rewrite(keys))).toEqual(keys.map(key => `r ${key}`))
    expect(await run.rows()).toEqual(paperRows(database))
  })

  it('are deletes where the source has no row, whether the log knows the key or not', async () => {
    const { run: opened, database } = await filled()
    await using run = opened
    const [kept, lost] = [...database.rows(() => true).keys()] as [string, string]
    database.lose(lost)
    expect(await appended(run, () => run.rewrite([lost, kept, '999999']))).toEqual(
      [`d ${lost}`, 'd 999999', `r ${kept}`].toSorted(),
    )
    expect(await run.rows()).toEqual(paperRows(database))
  })

  it('never replace what the stream has brought and the read did not see', async () => {
    const { run: opened, database, random } = await filled()
    await using run = opened
    const before = database.wal.length
    while (database.wal.length < before + 4) database.commit(random, KEYS, true)
    run.written()
    await run.settle()
    const keys = database.wal.slice(before).flatMap(({ changes }) => changes.map(({ key }) => key))
    expect(keys.length).toBeGreaterThan(4)
    expect(await appended(run, () => run.rewrite(keys))).toEqual([])
    database.reveal()
    expect(await run.rows()).toEqual(paperRows(database))
  })

  it('wait for each other', async () => {
    const { run: opened, database } = await filled()
    await using run = opened
    const keys = [...database.rows(() => true).keys()].toSorted()
    const [some, others] = [keys.slice(0, 3), keys.slice(3)]
    const both = async (): Promise<void> => {
      await Promise.all([run.rewrite(some), run.rewrite(others)])
    }
    expect(await appended(run, both)).toEqual(keys.map(key => `r ${key}`))
  })
})
