import { expect, it } from '@jest/globals'
import type { LogBatch } from '../../../runtime/contract.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import type { MysqlServer } from '../../support/mysql/server.ts'
import { openMysql, runMysql } from '../../support/mysql/source-run.ts'
import { itIf } from '../../support/skip.ts'

const PARENT = 'CREATE TABLE parent (id int PRIMARY KEY, note text); INSERT INTO parent VALUES (1, NULL), (2, NULL)'
const CHILD = `CREATE TABLE child (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
  INSERT INTO child VALUES (1, 1), (2, 2)`

function deletes(batches: readonly LogBatch[]): string[] {
  const found: string[] = []
  for (const batch of batches)
    for (const change of batch) if (change.kind === 'd') found.push(`${change.table.table} ${change.before(0)}`)
  return found
}

/** How the stream of a source over the database ends when this is written while it runs. */
async function endOf(server: MysqlServer, database: string, write: string): Promise<string> {
  const signal = AbortSignal.timeout(30_000)
  await using source = openMysql({ url: server.url(), tables: [`${database}.*`] })
  const chunks = []
  for (const request of await source.start(undefined, signal))
    for await (const chunk of source.load(request, signal)) chunks.push(chunk)
  const stream = source.changes(signal)
  let next = stream.next()
  next.catch(() => {})
  await server.query(write, database)
  try {
    const { position } = await source.head(signal)
    source.hasten(position, signal)
    for (;;) {
      const { end } = (await next).value!
      if (end?.lane === 'stream' && source.covers(end.position, position)) return 'goes on'
      next = stream.next()
    }
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    await stream.return(undefined)
  }
}

await describeFlavors((server, flavor, version) => {
  itIf(flavor === 'mysql' && version >= 906, 'the server logs no cascades')(
    'what cascades delete is in the stream of MySQL 9.6 and later, each row once',
    async () => {
      const database = await server().createDatabase()
      await server().query(`${PARENT}; ${CHILD}`, database)
      const run = await runMysql({ url: server().url(), tables: [`${database}.*`] }, () =>
        server().query('DELETE FROM parent WHERE id = 1', database),
      )
      expect(deletes(run.batches)).toEqual(['child 1', 'parent 1'])
    },
  )

  it('a foreign key whose cascades are not logged stops the stream that comes upon it', async () => {
    if (flavor === 'mysql') await server().restart(['--loose-innodb-native-foreign-keys=ON'])
    const made = await server().createDatabase()
    await server().query(PARENT, made)
    expect(await endOf(server(), made, CHILD)).toBe('CASCADES_UNLOGGED')
    const altered = await server().createDatabase()
    await server().query(`${PARENT}; CREATE TABLE child (id int PRIMARY KEY, p int)`, altered)
    const add = 'ALTER TABLE child ADD FOREIGN KEY (p) REFERENCES parent (id) ON DELETE'
    expect(await endOf(server(), altered, `${add} RESTRICT`)).toBe('goes on')
    expect(await endOf(server(), altered, `${add} SET NULL`)).toBe('CASCADES_UNLOGGED')
  })
})
