import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

const signal = (): AbortSignal => AbortSignal.timeout(60_000)
const RESYNC = { resync: true }

async function place(options: { slot?: string } = {}) {
  const url = await server.createDatabase()
  const database = new URL(url).pathname.slice(1)
  const sql = (text: string) => server.sql(text, [], database)
  await sql('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE event (at int); INSERT INTO event VALUES (1)')
  const rig = new StreamRig(url, { appendOnly: ['public.event'], ...options })
  await rig.begin()
  await sql(`SELECT pg_drop_replication_slot('${rig.slot}')`)
  return { rig, sql }
}

describe('the start of a resync', () => {
  it('reads tables without a key anew, and tells of the new lineage only with the first unit of its stream', async () => {
    const { rig, sql } = await place()
    await sql('INSERT INTO event VALUES (2)')
    const from = rig.log.resume()!
    await using source = rig.open()
    const requests = await source.start(from, signal(), RESYNC)
    expect(requests).toMatchObject([
      { table: { table: 'event' }, beside: false, restart: true },
      { table: { table: 't' }, beside: true, sweep: true },
    ])
    const units = rig.log.units.length
    for await (const { rows } of source.load(requests[0]!, signal())) rig.log.append(rows)
    const texts = rig.log.units.slice(units).flatMap(({ lines }) => lines.map(({ text }) => text))
    expect(texts.filter(text => !text.startsWith('s '))).toEqual([
      't app.public.event',
      'r app.public.event [1]',
      'r app.public.event [2]',
    ])
    expect(rig.log.resume()!.identity).toEqual(from.identity)
    for await (const batch of source.changes(signal())) {
      rig.log.append(batch)
      break
    }
    expect(rig.log.resume()!.identity).toEqual({ ...from.identity, lineage: '1' })
    expect(rig.log.resume()!.stream).not.toBe(from.stream)
  })

  it('that was interrupted before its stream had begun stops again, and can be made again', async () => {
    const { rig } = await place()
    {
      await using source = rig.open()
      await source.start(rig.log.resume(), signal(), RESYNC)
    }
    expect(await rig.startError()).toMatchObject({ code: 'SLOT_AHEAD', recovery: 'stop' })
    await using source = rig.open()
    expect(await source.start(rig.log.resume(), signal(), RESYNC)).toHaveLength(2)
  })

  it('leaves alone a slot of a configured name that another plugin made', async () => {
    const { rig, sql } = await place({ slot: 'mine' })
    await sql(`SELECT pg_create_logical_replication_slot('mine', 'test_decoding')`)
    await using source = rig.open()
    await expect(source.start(rig.log.resume(), signal(), RESYNC)).rejects.toMatchObject({ code: 'SLOT_EXISTS' })
    expect(await sql("SELECT plugin FROM pg_replication_slots WHERE slot_name = 'mine'")).toEqual([
      { plugin: 'test_decoding' },
    ])
  })
})
