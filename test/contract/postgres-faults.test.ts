import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Sink } from '../../runtime/contract.ts'
import postgres from '../../sinks/postgres.ts'
import { CutLine } from '../support/cut-line.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { PostgresPlace } from '../support/postgres-place.ts'
import { column, table, tuple } from '../support/scripted-log.ts'
import { cursorOf, follow, rowsIn } from '../support/sink-driver.ts'
import { items, LOG_ID, never, SinkRig, sinkContext } from '../support/sink-rig.ts'
import { until } from '../support/until.ts'

describe('the postgres sink in trouble', () => {
  let server: PostgresServer
  let place: PostgresPlace
  let rig: SinkRig
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    place = await PostgresPlace.make(server)
    rig = new SinkRig()
    await rig.begin(place)
  })
  afterEach(() => rig.end())

  const RESTORED = { code: 'SINK_RESTORED', recovery: 'retry' }
  const UNREACHABLE = { code: 'SINK_UNREACHABLE', recovery: 'retry' }

  const filled = async (): Promise<Sink> => {
    const sink = await rig.openSink()
    rig.batches.push(rig.put('1', 'one', null), rig.put('2', 'two', null))
    await follow(sink, rig.batches)
    return sink
  }
  const goesOn = async (): Promise<void> => {
    const again = await rig.reopen()
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  }
  /** A write that another session holds up, and that session. */
  const heldUp = async (sink: Sink) => {
    const holder = await server.connect(place.database)
    await holder.query('BEGIN; LOCK TABLE app_public.items')
    rig.batches.push(rig.put('3', 'three', null))
    const writing = sink.write(rig.batches.at(-1)!, never)
    writing.catch(() => {})
    const waits = `SELECT pid FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'`
    let pid: string | undefined
    await until(async () => {
      pid = (await server.sql(waits, [place.database]))[0]?.pid ?? undefined
      return pid !== undefined
    }, 'the write waits for the lock')
    return { holder, writing, pid: pid! }
  }

  it('waits for a server that is down, and goes on when it is up', async () => {
    const sink = await filled()
    await server.stop()
    try {
      rig.batches.push(rig.put('3', 'three', null))
      await expect(sink.write(rig.batches.at(-1)!, never)).rejects.toMatchObject(UNREACHABLE)
      await expect(rig.openSink()).rejects.toMatchObject(UNREACHABLE)
      const findings = await postgres.check!(postgres.config.parse(place.options), sinkContext(), never)
      expect(findings).toMatchObject([{ level: 'error', code: 'SINK_UNREACHABLE' }])
    } finally {
      await server.start()
    }
    await goesOn()
  })

  it('holds all that it has acknowledged when the server was killed', async () => {
    const sink = await filled()
    const last = await cursorOf(sink)
    await server.kill9()
    await server.start()
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBe(last)
    await rig.expectEqual(again)
    await goesOn()
  })

  it('undoes a batch whose connection was cut in the middle of it', async () => {
    const sink = await filled()
    const before = await cursorOf(sink)
    const { holder, writing, pid } = await heldUp(sink)
    await server.sql('SELECT pg_terminate_backend($1)', [pid])
    await expect(writing).rejects.toMatchObject(UNREACHABLE)
    await holder.end()
    expect(await cursorOf(await rig.reopen())).toBe(before)
    await goesOn()
  })

  it('knows a batch that was committed though the answer was lost', async () => {
    await filled()
    await rig.target[Symbol.asyncDispose]()
    await using line = await CutLine.to(server.port, 'COMMIT')
    const url = place.options.url.replace(`:${server.port}/`, `:${line.port}/`)
    {
      await using target = await postgres.open(postgres.config.parse({ ...place.options, url }), sinkContext())
      const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
      line.fate = () => 'unanswered'
      rig.batches.push(rig.put('3', 'three', null))
      await expect(sink.write(rig.batches.at(-1)!, never)).rejects.toMatchObject(UNREACHABLE)
    }
    rig.target = await place.open(sinkContext())
    const again = await rig.openSink()
    expect(await cursorOf(again)).toBe(rig.batches.at(-1)!.cursor)
    await rig.expectEqual(again)
  })

  it('ends a former session that stands still in a transaction, and that one stops for good', async () => {
    const sink = await filled()
    const { holder, writing } = await heldUp(sink)
    await using second = await place.open(sinkContext())
    const taken = second.sink({ name: 'app', logId: LOG_ID }, never)
    expect(await cursorOf(await taken)).toBe(rig.batches.at(-2)!.cursor)
    await expect(writing).rejects.toMatchObject({ code: 'SINK_FENCED', recovery: 'stop' })
    await holder.end()
    await follow(await taken, rig.batches)
    await rig.expectEqual(await taken)
  })

  it('notices with the next write that its tables were removed, and is built anew', async () => {
    const sink = await filled()
    await place.sql('DROP TABLE app_public.items')
    await expect(sink.write(rig.put('3', 'x', null), never)).rejects.toMatchObject(RESTORED)
    expect(await cursorOf(await rig.reopen())).toBeUndefined()
    await goesOn()
  })

  it('notices that its cursor alone was removed, and clears what none vouches for', async () => {
    const sink = await filled()
    await place.sql('DELETE FROM _tailrace.cursors')
    await expect(sink.write(rig.put('3', 'x', null), never)).rejects.toMatchObject(RESTORED)
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBeUndefined()
    expect((await rowsIn(again, items)).size).toBe(0)
    await goesOn()
  })

  it('notices an older state that was put back under it, and goes on from there', async () => {
    const sink = await filled()
    const [{ cursor } = { cursor: null }] = await place.sql('SELECT cursor FROM _tailrace.cursors')
    rig.batches.push(rig.put('1', 'changed', null))
    await follow(sink, rig.batches)
    await place.sql('UPDATE _tailrace.cursors SET cursor = $1', [cursor])
    await expect(sink.write(rig.put('3', 'x', null), never)).rejects.toMatchObject(RESTORED)
    expect(await cursorOf(await rig.reopen())).toBe(cursor)
    await goesOn()
  })

  it('names the rows that a constraint or a type refuses, with no value of them, and stores none of their batch', async () => {
    const days = table(2, 'public.days', [column('id', 'int64'), column('day', { kind: 'date' }), column('n', 'int64')])
    const sink = await filled()
    await follow(sink, [...rig.batches, rig.log.batch(writer => writer.announce(days))])
    await place.sql('ALTER TABLE app_public.days ADD CONSTRAINT small CHECK (n < 1000)')
    const batch = rig.log.batch(writer => {
      for (let i = 0; i < 500; i++)
        writer.row('c', days, tuple([`${i}`, i === 77 ? '0000-00-00' : '2024-02-29', i === 300 ? '4711' : '1']))
    })
    const before = await cursorOf(sink)
    const { rejected } = await sink.write(batch, never)
    expect(rejected.map(({ index }) => index)).toEqual([77, 300])
    expect(rejected[0]!.reason).toMatch(/^Column "day" is date, which has no such value.*asText/)
    expect(rejected[1]!.reason).toMatch(/constraint "small" of table "app_public.days"/)
    for (const { reason } of rejected) expect(reason).not.toMatch(/0000-00|4711/)
    expect(await cursorOf(sink)).toBe(before)
    expect((await rowsIn(sink, days)).size).toBe(0)
    expect(await sink.write(batch, never, new Set([77, 300]))).toEqual({ rejected: [] })
    expect((await rowsIn(sink, days)).size).toBe(498)
    expect(await cursorOf(sink)).toBe(batch.cursor)
  })

  it('defers foreign keys that can wait, and names one that cannot', async () => {
    const parents = table(2, 'public.parents', [column('id', 'int64')])
    const children = table(3, 'public.children', [column('id', 'int64'), column('parent', 'int64')])
    const sink = await filled()
    await follow(sink, [
      ...rig.batches,
      rig.log.batch(writer => {
        writer.announce(parents)
        writer.announce(children)
      }),
    ])
    await place.sql(`ALTER TABLE app_public.children ADD CONSTRAINT kin FOREIGN KEY (parent)
      REFERENCES app_public.parents DEFERRABLE`)
    const family = rig.log.batch(writer => {
      writer.row('c', children, tuple(['1', '10']))
      writer.row('c', parents, tuple(['10']))
    })
    expect(await sink.write(family, never)).toEqual({ rejected: [] })
    await place.sql('ALTER TABLE app_public.children ALTER CONSTRAINT kin NOT DEFERRABLE')
    const orphan = rig.log.batch(writer => writer.row('c', children, tuple(['2', '11'])))
    await expect(sink.write(orphan, never)).rejects.toMatchObject({
      code: 'SINK_CONSTRAINT',
      message: expect.stringContaining('"kin"'),
    })
  })

  it('tells of missing rights and the statement that grants them', async () => {
    await server.sql('CREATE ROLE modest LOGIN')
    const url = server.url(place.database, 'modest')
    const config = postgres.config.parse({ ...place.options, url })
    const findings = async () => (await postgres.check!(config, sinkContext(), never)).filter(one => one.level !== 'ok')
    await using target = await postgres.open(config, sinkContext())
    const open = (): Promise<Sink> => target.sink({ name: 'app', logId: LOG_ID }, never)
    await expect(open()).rejects.toMatchObject({ code: 'SINK_AUTH', recovery: 'stop' })
    const [missing, ...others] = (await findings()).filter(({ level }) => level === 'error')
    expect([missing?.code, others]).toEqual(['SINK_AUTH', []])
    await place.sql(missing!.fix!)
    expect((await findings()).filter(({ level }) => level === 'error')).toEqual([])
    const sink = await open()
    rig.batches.push(rig.put('1', 'one', null))
    await follow(sink, rig.batches)
    await rig.expectEqual(sink)
    await target[Symbol.asyncDispose]()
    await place.sql('DROP OWNED BY modest CASCADE')
    await server.sql('DROP ROLE modest')
  })

  it('writes with the rights of a role that may make nothing but tables in schemas made for it', async () => {
    await server.sql('CREATE ROLE tenant LOGIN')
    await place.sql('CREATE SCHEMA _tailrace AUTHORIZATION tenant; CREATE SCHEMA app_public AUTHORIZATION tenant')
    const url = server.url(place.database, 'tenant')
    {
      const config = postgres.config.parse({ ...place.options, url })
      await using target = await postgres.open(config, sinkContext())
      const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
      rig.batches.push(rig.put('1', 'one', null))
      await follow(sink, rig.batches)
      await rig.expectEqual(sink)
    }
    await place.sql('DROP OWNED BY tenant CASCADE')
    await server.sql('DROP ROLE tenant')
  })
})
