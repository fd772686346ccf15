import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from '@jest/globals'
import pg from 'pg'
import { describeMajors, EVERY_MAJOR } from '../support/majors.ts'
import { startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

await describeMajors(EVERY_MAJOR, (server, major) => {
  it('answers every value as the database prints it', async () => {
    const [row] = await server().sql(
      "SELECT 12345678901234567890.10::numeric AS n, null AS z, $1::int8 AS i, 'x' AS t",
      ['9007199254740993'],
    )
    expect(row).toEqual({ n: '12345678901234567890.10', z: null, i: '9007199254740993', t: 'x' })
    const [version] = await server().sql('SHOW server_version_num')
    expect(Math.floor(Number(version?.server_version_num) / 10_000)).toBe(major)
  })

  it('decodes its log with pgoutput', async () => {
    const url = await server().createDatabase('decoded')
    expect(url).toBe(server().url('decoded'))
    const sql = (text: string) => server().sql(text, [], 'decoded')
    await sql('CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t')
    await sql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
    await sql('INSERT INTO t VALUES (1)')
    const messages = await sql(
      "SELECT * FROM pg_logical_slot_get_binary_changes('s', NULL, NULL, 'proto_version', '1', 'publication_names', 'p')",
    )
    expect(messages).toHaveLength(4)
  })
})

it('keeps what was committed, and its port, through SIGKILL', async () => {
  await using server = await startPostgres()
  const { port } = server
  await server.sql('CREATE TABLE t (id int); INSERT INTO t VALUES (1)')
  await server.kill9()
  await expect(server.sql('SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await server.start()
  expect(server.port).toBe(port)
  expect(await server.sql('SELECT id FROM t')).toEqual([{ id: '1' }])
})

it('asks for a password where told to', async () => {
  await using server = await startPostgres({ auth: 'scram' })
  await server.sql("CREATE USER guest PASSWORD 'right'")
  expect(await server.sql('SELECT current_user AS name')).toEqual([{ name: 'postgres' }])
  const wrong = new pg.Client({ connectionString: server.url('postgres', 'guest', 'wrong') })
  await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' })
})

it('leaves no folder behind', async () => {
  const server = await startPostgres()
  expect(existsSync(server.dataDir)).toBe(true)
  await server[Symbol.asyncDispose]()
  expect(existsSync(server.dataDir)).toBe(false)
})

it('leaves nothing behind when its starter is killed', async () => {
  const module = fileURLToPath(new URL('../../runtime/demo/server.ts', import.meta.url))
  const code = `const { startLocalPostgres } = await import(${JSON.stringify(module)})
    const { dataDir, port } = await startLocalPostgres()
    process.stdout.write(JSON.stringify({ dataDir, port }))
    setInterval(() => {}, 1000)`
  const starter = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(starter.stdout, 'data')
  const { dataDir, port } = JSON.parse(String(said))
  expect(existsSync(dataDir)).toBe(true)
  starter.kill('SIGKILL')
  await until(() => !existsSync(dataDir), 'its folder is gone')
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  await expect(client.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})
