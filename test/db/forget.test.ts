import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { ForgetReceipt } from '../../runtime/status.ts'
import { pipelineFilesWith } from '../support/folder-bytes.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { refusalOf, SmallPipeline } from '../support/small-pipeline.ts'

const CANARY = 'canary-of-a-person'

describe('tailrace forget', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  it('leaves no byte of a deleted row in log and sinks, keeps the history of others, and says what it went over', async () => {
    await using small = await SmallPipeline.open(server)
    await small.sql('ALTER TABLE item ALTER id TYPE text')
    small.settings.sinks = [
      ...['files:', '  type: jsonl', '  path: ./files', '  mode: state'],
      ...['events:', '  type: jsonl', '  path: ./events', '  mode: changes'],
      ...['warehouse:', '  type: duckdb', '  path: ./warehouse.duckdb'],
    ]
    await small.configure()
    await using running = small.start()
    await running.until(({ sinks }) => Object.values(sinks).every(({ phase }) => phase === 'live'), 'it is live')
    const key = `${CANARY}-key`
    await small.sql(`INSERT INTO item VALUES ('${key}', '${CANARY} 1')`)
    await small.sql(`UPDATE item SET name = '${CANARY} 2' WHERE id = '${key}'`)
    await small.sql("UPDATE item SET name = 'uno' WHERE id = '1'; UPDATE item SET name = 'eins' WHERE id = '1'")
    expect((await small.verb('wait')).code).toBe(0)
    const forget = (...args: string[]): ReturnType<SmallPipeline['verb']> =>
      small.verb('forget', '--table', 'app.public.item', '--key', key, '--yes', '--json', ...args)
    expect(refusalOf(await forget())).toMatchObject({ code: 'FORGET_LIVE' })
    await small.sql(`DELETE FROM item WHERE id = '${key}'`)
    expect((await small.verb('wait')).code).toBe(0)
    expect((await pipelineFilesWith(small.folder, [CANARY])).length).toBeGreaterThan(3)
    const { code, out, err } = await forget()
    expect([code, err]).toEqual([0, ''])
    const receipt = JSON.parse(out) as ForgetReceipt
    expect(receipt.log.removed).toEqual([3])
    expect(Object.keys(receipt.sinks).toSorted()).toEqual(['copy', 'events', 'files', 'warehouse'])
    for (const lines of Object.values(receipt.sinks)) expect(lines.length).toBeGreaterThan(0)
    const changes = (await small.verb('changes', '--json')).out
    expect(changes).not.toContain(CANARY)
    for (const value of ['"one"', '"uno"', '"eins"']) expect(changes).toContain(value)
    await small.sql("INSERT INTO item VALUES ('5', 'goes on')")
    expect((await small.verb('wait')).code).toBe(0)
    const { source, sink } = await small.rows()
    expect(sink).toEqual(source)
    running.kill('SIGTERM')
    await running.exit
    expect(await pipelineFilesWith(small.folder, [CANARY])).toEqual([])
  })

  it('refuses a key that the table cannot have, a table that is not there, and a sink that has stopped', async () => {
    await using small = await SmallPipeline.open(server)
    await using running = small.start()
    await running.until(({ sinks }) => sinks.copy?.phase === 'live', 'it is live')
    const refusal = async (table: string, key: string): Promise<unknown> =>
      refusalOf(await small.verb('forget', '--table', table, '--key', key, '--yes', '--json'))
    expect(await refusal('app.public.items', '1')).toMatchObject({ code: 'UNKNOWN_TABLE' })
    await small.sql('DELETE FROM item WHERE id = 1')
    expect((await small.verb('pause', '--sink', 'copy')).code).toBe(0)
    expect(await refusal('app.public.item', '1')).toMatchObject({ code: 'PART_NOT_RUNNING' })
    expect((await small.verb('resume', '--sink', 'copy')).code).toBe(0)
    expect((await small.verb('wait')).code).toBe(0)
    expect(await refusal('app.public.item', '1')).toBeUndefined()
  })
})
