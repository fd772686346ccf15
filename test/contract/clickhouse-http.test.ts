/** The client of the clickhouse sink at the HTTP handler of ClickHouse's own server, whose SQL is too old for the rest. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { errorMessage } from '../../runtime/errors.ts'
import { addressOf } from '../../sinks/clickhouse/address.ts'
import { Client } from '../../sinks/clickhouse/client.ts'
import { RowBytes } from '../../sinks/clickhouse/row-bytes.ts'
import { rowsOf } from '../../sinks/clickhouse/row-values.ts'
import { type OldServer, oldProgram, startOldServer } from '../support/clickhouse/old-server.ts'
import { never } from '../support/sink-rig.ts'
import { describeIf } from '../support/skip.ts'

const problem = await oldProgram().then(
  () => undefined,
  (error: unknown) => errorMessage(error),
)
const forms = [
  { storage: { kind: 'int64' }, isNullable: false },
  { storage: { kind: 'bytes' }, isNullable: true },
] as const

describe('the client', () => {
  describeIf(problem === undefined, problem ?? '')('at the server of ClickHouse 18.16', () => {
    let server: OldServer | undefined
    beforeAll(async () => {
      server = await startOldServer()
    }, 60_000)
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]()
    })

    it('brings rows of any bytes in, and back, and cuts an answer off that is too long', async () => {
      await using client = new Client(addressOf(server!.url))
      await client.ask('CREATE TABLE t (id Int64, b Nullable(String)) ENGINE = MergeTree ORDER BY id', never)
      const rows = new RowBytes(forms)
      const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
      for (let id = 0; id < 5000; id++) {
        rows.putText(0, String(id))
        if (id % 3 === 0) rows.putNull(1)
        else rows.putText(1, `\\x${all.subarray(id % 256).toString('hex')}`)
      }
      await client.insert('INSERT INTO t (id, b) FORMAT RowBinary', rows.bytes, never)
      const select = 'SELECT id, b FROM t ORDER BY id FORMAT RowBinary'
      const back = (await client.page(select, never, Number.POSITIVE_INFINITY))!
      expect(back.equals(rows.bytes)).toBe(true)
      expect([...rowsOf(back, forms)]).toHaveLength(5000)
      expect(await client.page(select, never, 1000)).toBeUndefined()
      expect(await client.rows<{ readonly n: string }>('SELECT toString(count()) AS n FROM t', never)).toEqual([
        { n: '5000' },
      ])
    })

    it('rejects with what an error is, and goes on', async () => {
      await using client = new Client(addressOf(server!.url))
      await expect(client.ask('SELECT * FROM not_there', never)).rejects.toMatchObject({
        code: expect.stringMatching(/^SINK_/),
      })
      await using stranger = new Client(addressOf(server!.url.replace('word', 'sword')))
      await expect(stranger.ask('SELECT 1', never)).rejects.toMatchObject({ code: expect.stringMatching(/^SINK_/) })
      expect((await client.ask('SELECT 1', never))!.toString()).toBe('1\n')
    })
  })
})
