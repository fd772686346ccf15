import { expect, it } from '@jest/globals'
import mysqlPlugin from '../../../connectors/mysql.ts'
import { type FeedSource, feed } from '../../../runtime/change-feed.ts'
import type { Position } from '../../../runtime/contract.ts'
import { VERSION } from '../../../runtime/version.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { runMysql } from '../../support/mysql/source-run.ts'

await describeFlavors((server, flavor) => {
  it("changes come in Debezium's envelope, as its connector for this server names where they are from", async () => {
    const database = await server().createDatabase()
    await server().query(
      "CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders VALUES (1, 'a')",
      database,
    )
    const url = server().url('root', database)
    const { log } = await runMysql({ url, tables: [`${database}.*`] }, async () => {
      await server().query("UPDATE orders SET note = 'b'; DELETE FROM orders", database)
    })
    const source: FeedSource = { name: 'app', type: 'mysql', database, log }
    const events: { op: string; source: Record<string, unknown>; transaction: unknown }[] = []
    const take = ({ bytes }: { bytes: Uint8Array }): void =>
      void events.push(JSON.parse(Buffer.from(bytes).toString()).value)
    await feed([source], { from: 'start', follow: false }, take, AbortSignal.timeout(10_000))
    expect(events.map(({ op }) => op)).toEqual(['r', 'u', 'd'])
    const common = { version: VERSION, connector: flavor, name: 'app', db: database, table: 'orders' }
    const gtid = flavor === 'mysql' ? /^[0-9a-f-]{36}:\d+$/ : /^0-1-\d+$/
    expect(events[0]!.source).toEqual({
      ...common,
      ts_ms: expect.any(Number),
      snapshot: 'true',
      gtid: null,
      file: expect.stringMatching(/^binlog\.\d{6}$/),
      pos: expect.any(Number),
    })
    for (const event of events.slice(1))
      expect(event.source).toEqual({
        ...common,
        ts_ms: expect.any(Number),
        snapshot: 'false',
        gtid: expect.stringMatching(gtid),
        file: expect.stringMatching(/^binlog\.\d{6}$/),
        pos: expect.any(Number),
      })
    const [, updated, deleted] = events.map(one => Number(one.source.pos))
    expect(deleted!).toBeGreaterThan(updated!)
    expect(events[1]!.transaction).toMatchObject({ total_order: 1 })
  })
})

it('a position is shown as file and offset', () => {
  const position = '{"v":1,"flavor":"mysql","server":"u","at":"binlog.000001:1684","gtids":"u:1-9"}' as Position
  expect(mysqlPlugin.shown!(position)).toBe('binlog.000001:1684')
  expect(mysqlPlugin.shown!('16/B374D848' as Position)).toBe('16/B374D848')
})
