import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import { PipelineProcess, type Site } from '../../crash/pipeline-process.ts'
import { Random } from '../../crash/random.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import type { MysqlServer } from '../../support/mysql/server.ts'
import { prepare } from '../../support/mysql/xa-rig.ts'
import { runVerb } from '../../support/run-verb.ts'
import { until } from '../../support/until.ts'

const KILLS = 6
const SECOND = 1000

async function site(server: MysqlServer, database: string): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-xa-kills-'))
  const place = (name: string): string => join(folder, name)
  await writeFile(
    place('tailrace.yaml'),
    `pipeline: kills
log:
  path: ./data
sources:
  app:
    type: mysql
    url: ${server.url()}?sslmode=disable
    tables:
      - ${database}.t
sinks:
  rows:
    type: sqlite
    path: ./rows.db
http:
  listen: 127.0.0.1:0
`,
  )
  const data = place('data')
  const log = place('data/app')
  const [config, sqlite, jsonl, probe] = ['tailrace.yaml', 'rows.db', 'files', 'probe'].map(place)
  return { folder, config: config!, data, log, sqlite: sqlite!, jsonl: jsonl!, probe: probe! }
}

/** Prepares, commits and rolls back without a rest, several at a time, until it is told to stop. */
async function write(server: MysqlServer, database: string, random: Random, signal: AbortSignal): Promise<void> {
  const open: number[] = []
  const client = await server.connect({ database })
  // Until the session that prepared it has ended nobody else may.
  const end = (sql: string): Promise<void> =>
    until(
      () =>
        client.query(sql).then(
          () => true,
          () => false,
        ),
      `${sql} is done`,
    )
  try {
    for (let id = 1; !signal.aborted || open.length > 0; id++) {
      if (!signal.aborted && open.length < 5) {
        // A session whose transaction is prepared is not given another.
        await server.query(prepare(`'${id}'`, `INSERT INTO t VALUES (${2 * id}), (${2 * id + 1})`), database)
        open.push(id)
      } else {
        const [xid] = open.splice(random.between(0, open.length), 1)
        await end(`XA ${random.between(0, 3) === 0 ? 'ROLLBACK' : 'COMMIT'} '${xid}'`)
      }
      await sleep(5 + random.between(0, 30))
    }
  } finally {
    await client.end()
  }
}

await describeFlavors(server => {
  it(
    'has every row that was committed once, and no other, however often the process is killed',
    async () => {
      const random = new Random(20_261_130)
      const database = await server().createDatabase()
      await server().query('CREATE TABLE t (id int PRIMARY KEY)', database)
      const place = await site(server(), database)
      try {
        const ending = new AbortController()
        let written: Promise<void> | undefined
        for (let kill = 0; kill < KILLS; kill++) {
          await using tailrace = PipelineProcess.start(place)
          await tailrace.until(({ sources }) => sources.app?.phase === 'streaming', 'it streams')
          written ??= write(server(), database, random, ending.signal)
          await sleep(100 + random.between(0, 900))
          tailrace.kill('SIGKILL')
          await tailrace.exit
        }
        ending.abort()
        await written
        const last = PipelineProcess.start(place)
        await last.wait(30)
        last.kill('SIGTERM')
        await last.exit
        const { out } = await runVerb(['changes', '-c', place.config])
        const brought = out
          .trim()
          .split('\n')
          .flatMap(line => (line === '' ? [] : [JSON.parse(line) as { key: { id: number } }]))
          .map(({ key }) => key.id)
        const rows = await server().query('SELECT id FROM t', database)
        const committed = rows.map(({ id }) => Number(id))
        expect(committed.length).toBeGreaterThan(20)
        expect(brought.sort((a, b) => a - b)).toEqual(committed.sort((a, b) => a - b))
      } finally {
        await rm(place.folder, { recursive: true, force: true })
      }
    },
    150 * SECOND,
  )
})
