/**
 * What a user can get wrong, and what can be wrong around them: always a code, an exit status and a hint; and where the
 * hint is followed, the pipeline converges.
 */
import { rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import type { Said } from '../support/run-verb.ts'
import { refusalOf, SmallPipeline } from '../support/small-pipeline.ts'

interface BadInput {
  readonly what: string
  /** Of the server; default: one that all cases share. */
  readonly server?: () => PostgresServer
  /** A run that succeeded comes first. */
  readonly after?: 'a first run'
  readonly spoil: (small: SmallPipeline) => Promise<unknown>
  readonly code: string
  readonly exit: number
  readonly says?: RegExp
  readonly hint: RegExp
  /** Does as the hint says. */
  readonly mend: (small: SmallPipeline) => Promise<unknown>
}

let shared: PostgresServer
let guarded: PostgresServer
let physical: PostgresServer
let other: PostgresServer

beforeAll(async () => {
  ;[shared, guarded, physical, other] = await Promise.all([
    startPostgres(),
    startPostgres({ auth: 'scram' }),
    startPostgres({ settings: { wal_level: 'replica' } }),
    startPostgres(),
  ])
}, 120_000)

afterAll(async () => {
  for (const server of [shared, guarded, physical, other]) await server?.[Symbol.asyncDispose]()
})

const reconfigure = (small: SmallPipeline): Promise<void> => small.configure()

/** The file with one line replaced. */
function spoilLine(find: string, replacement: string): (small: SmallPipeline) => Promise<void> {
  return small => writeFile(small.config, small.yaml().replace(find, replacement))
}

/** What the resync hint says, to the process that runs. */
async function resync(small: SmallPipeline): Promise<void> {
  const running = small.start()
  await running.until(
    ({ sources }) => sources.app!.state === 'failed',
    'the source has failed, and the process runs on',
  )
  expect(await small.verb('backfill', '--source', 'app', '--resnapshot')).toMatchObject({ code: 0 })
  await running[Symbol.asyncDispose]()
}

/** Executes the statements that `check` prints, until it has none left. */
async function followCheck(small: SmallPipeline): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const { code, out } = await small.verb('check', '--json')
    if (code === 0) return
    const { parts } = JSON.parse(out) as { parts: { findings: { level: string; fix?: string }[] }[] }
    for (const { level, fix } of parts.flatMap(part => part.findings))
      if (level === 'error' && fix !== undefined) await small.sql(fix)
  }
  throw new Error('check finds something missing whatever is done')
}

const CONFIGURATION: readonly BadInput[] = [
  {
    what: 'no configuration file',
    spoil: small => rm(small.config),
    code: 'CONFIG_MISSING',
    exit: 2,
    hint: /tailrace init|-c/,
    mend: reconfigure,
  },
  {
    what: 'broken YAML',
    spoil: spoilLine('sinks:', 'sinks: [copy'),
    code: 'CONFIG_SYNTAX',
    exit: 2,
    says: /tailrace\.yaml:\d+:\d+/,
    hint: /\S/,
    mend: reconfigure,
  },
  {
    what: 'an unknown key',
    spoil: spoilLine('    tables:', '    tabels:'),
    code: 'CONFIG_UNKNOWN_KEY',
    exit: 2,
    says: /tailrace\.yaml:8:5/,
    hint: /[Dd]id you mean.*tables/,
    mend: reconfigure,
  },
  {
    what: 'a variable that is not set',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as a configuration file has it
    spoil: spoilLine('./copy.db', '${TAILRACE_TEST_NOWHERE}'),
    code: 'CONFIG_VARIABLE',
    exit: 2,
    says: /tailrace\.yaml:\d+:\d+.*TAILRACE_TEST_NOWHERE/s,
    hint: /\S/,
    mend: reconfigure,
  },
]

const SERVER: readonly BadInput[] = [
  {
    what: 'a wrong password',
    server: () => guarded,
    spoil: async small => {
      const right = small.settings.url
      const url = new URL(right)
      url.password = 'canary-millrace'
      small.settings.url = url.href
      await small.configure()
      small.settings.url = right
    },
    code: 'SOURCE_AUTH',
    exit: 3,
    hint: /password/,
    mend: reconfigure,
  },
  {
    what: 'wal_level that is not logical',
    server: () => physical,
    spoil: async () => {},
    code: 'SOURCE_PREREQUISITE',
    exit: 3,
    hint: /wal_level.*restart/s,
    mend: async small => {
      await small.server.sql("ALTER SYSTEM SET wal_level = 'logical'")
      await small.server.restart()
    },
  },
  {
    what: 'a role without the privileges',
    spoil: async small => {
      const role = `reader_${small.database}`
      await small.sql(`CREATE ROLE ${role} LOGIN`)
      small.settings.url = small.server.url(small.database, role)
      await small.configure()
    },
    code: 'SOURCE_PREREQUISITE',
    exit: 3,
    hint: /tailrace check|GRANT|ALTER ROLE/,
    mend: followCheck,
  },
  {
    what: 'a table that is not there',
    spoil: async small => {
      small.settings.tables.push('public.later')
      await small.configure()
    },
    code: 'TABLE_MISSING',
    exit: 3,
    says: /public\.later/,
    hint: /\S/,
    mend: small => small.sql('CREATE TABLE later (id int PRIMARY KEY)'),
  },
  {
    what: 'a table without a key',
    spoil: async small => {
      await small.sql('CREATE TABLE loose (id int)')
      small.settings.tables.push('public.loose')
      await small.configure()
    },
    code: 'TABLE_WITHOUT_KEY',
    exit: 3,
    says: /public\.loose/,
    hint: /PRIMARY KEY|appendOnly|exclude/,
    mend: small => small.sql('ALTER TABLE loose ADD PRIMARY KEY (id)'),
  },
]

const RESTART: readonly BadInput[] = [
  {
    what: 'a slot that was dropped',
    after: 'a first run',
    spoil: small => small.sql('SELECT pg_drop_replication_slot($1)', [small.slot]),
    code: 'SLOT_LOST',
    exit: 3,
    hint: /tailrace backfill --source app --resnapshot/,
    mend: resync,
  },
  {
    what: 'a publication that was dropped',
    after: 'a first run',
    spoil: small => small.sql(`DROP PUBLICATION ${small.slot}`),
    code: 'PUBLICATION_MISSING',
    exit: 3,
    hint: /tailrace backfill --source app --resnapshot/,
    mend: resync,
  },
  {
    what: 'another database behind the same address',
    after: 'a first run',
    spoil: async small => {
      const right = small.settings.url
      await other.createDatabase(small.database)
      await other.sql('CREATE TABLE item (id int PRIMARY KEY, name text)', [], small.database)
      small.settings.url = other.url(small.database)
      await small.configure()
      small.settings.url = right
    },
    code: 'SOURCE_REPLACED',
    exit: 3,
    hint: /tailrace backfill --source app --resnapshot/,
    mend: reconfigure,
  },
]

describe.each([
  ['the configuration', CONFIGURATION],
  ['the server', SERVER],
  ['a restart', RESTART],
])('%s', (_where, cases) => {
  it.each(cases.map(one => [one.what, one] as const))(
    '%s is refused with a code and a hint, and following it helps',
    async (_what, { server = () => shared, after, spoil, code, exit, says = /./, hint, mend }) => {
      await using small = await SmallPipeline.open(server())
      if (after !== undefined) expect(await small.runOnce()).toMatchObject({ code: 0 })
      await small.sql("INSERT INTO item VALUES (4, 'four')")
      await spoil(small)
      expectRefusal(await small.runOnce(), { code, exit, says, hint })
      await mend(small)
      await expectConverged(small)
    },
    60_000,
  )
})

it('a slot that another process reads is refused, and free again goes on', async () => {
  await using small = await SmallPipeline.open(shared)
  expect(await small.runOnce()).toMatchObject({ code: 0 })
  const reader = new pg.Client({ connectionString: small.settings.url, replication: 'database' } as pg.ClientConfig)
  reader.on('error', () => {})
  await reader.connect()
  const reading = reader.query(
    `START_REPLICATION SLOT ${small.slot} LOGICAL 0/0 (proto_version '1', publication_names '${small.slot}')`,
  )
  reading.catch(() => {})
  expectRefusal(await small.runOnce(), { code: 'SLOT_HELD', exit: 3, says: /./, hint: /end|name|`slot`/ })
  reader.connection.stream.destroy()
  await expectConverged(small)
}, 60_000)

it('a second run on the same log is refused, and the first goes on', async () => {
  await using small = await SmallPipeline.open(shared)
  const first = small.start()
  await first.until(({ sinks }) => sinks.copy!.phase === 'live', 'the first run is live')
  expectRefusal(await small.runOnce(), { code: 'LOG_LOCKED', exit: 3, says: /./, hint: /stop|log\.path/ })
  await small.sql("INSERT INTO item VALUES (4, 'four')")
  expect(await small.verb('wait')).toMatchObject({ code: 0 })
  const { source, sink } = await small.rows()
  expect(sink).toEqual(source)
}, 60_000)

function expectRefusal(said: Said, wanted: { code: string; exit: number; says: RegExp; hint: RegExp }): void {
  const refusal = refusalOf(said)
  if (refusal === undefined) throw new Error(`no error was told, exit ${said.code}:\n${said.out}\n${said.err}`)
  expect({ ...refusal, exit: said.code }).toEqual({
    code: wanted.code,
    exit: wanted.exit,
    message: expect.stringMatching(wanted.says),
    hint: expect.stringMatching(wanted.hint),
  })
  expect(said.out + said.err).not.toMatch(/canary-millrace|millstream/)
}

async function expectConverged(small: SmallPipeline): Promise<void> {
  const said = await small.runOnce()
  if (said.code !== 0) throw new Error(`exit ${said.code}:\n${said.out}\n${said.err}`)
  const { source, sink } = await small.rows()
  expect(source).not.toEqual([])
  expect(sink).toEqual(source)
}
