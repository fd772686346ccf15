import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from '@jest/globals'
import mysql from 'mysql2/promise'
import { hasOpenssl } from '../../support/certificate.ts'
import { describeEachFlavor, describeFlavors } from '../../support/mysql/flavors.ts'
import { clientProgram } from '../../support/mysql/programs.ts'
import { releaseOf } from '../../support/mysql/releases.ts'
import { type MysqlServer, startMysql } from '../../support/mysql/server.ts'
import { itIf } from '../../support/skip.ts'
import { until } from '../../support/until.ts'

/** Of the system variables, by name. */
async function variables(server: MysqlServer, ...names: string[]): Promise<(string | null)[]> {
  const rows = await server.query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN ('${names.join("','")}')`)
  return names.map(name => rows.find(row => row.Variable_name === name)?.Value ?? null)
}

await describeFlavors((server, flavor) => {
  it('is of that version and logs whole rows with whole metadata', async () => {
    const [row] = await server().query('SELECT version() AS version, @@time_zone AS zone')
    expect(row!.version!.startsWith(releaseOf(flavor).version)).toBe(true)
    expect(row!.zone).toBe('SYSTEM')
    const names = ['binlog_format', 'binlog_row_image', 'binlog_row_metadata', 'log_bin', 'server_id', 'gtid_mode']
    const gtid = flavor === 'mysql' ? 'ON' : null
    expect(await variables(server(), ...names)).toEqual(['ROW', 'FULL', 'FULL', 'ON', '1', gtid])
  })

  it('answers every value as the server prints it', async () => {
    const sql = `SELECT 18446744073709551615 AS u, 1.10 AS d, NULL AS n, CAST('-1:00' AS time(3)) AS t, 'é😀' AS s`
    expect(await server().query(sql)).toEqual([
      { u: '18446744073709551615', d: '1.10', n: null, t: '-01:00:00.000', s: 'é😀' },
    ])
    expect(await server().query('SELECT 1 AS a; SELECT 2 AS b')).toEqual([{ b: '2' }])
    expect(await server().query('SELECT 1 AS a; DO 1')).toEqual([])
  })

  it('lets in a user with what that user may', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY)', database)
    const url = await server().createUser('reader', `SELECT ON ${database}.*`)
    expect(url).toBe(server().url('reader'))
    const connection = await mysql.createConnection(server().url('reader', database))
    try {
      expect((await connection.query('SELECT * FROM t'))[0]).toEqual([])
      await expect(connection.query('INSERT INTO t VALUES (1)')).rejects.toMatchObject({ errno: 1142 })
    } finally {
      await connection.end()
    }
  })

  it('sends its log to the client programs', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (7)', database)
    const { port } = new URL(server().url())
    const login = ['--no-defaults', '--host=127.0.0.1', `--port=${port}`, '--user=root', '--password=millstream']
    const say = async (name: 'mysql' | 'mysqlbinlog' | 'mysqldump', ...args: string[]): Promise<string> => {
      const [command, ...before] = await clientProgram(flavor, name)
      return (await promisify(execFile)(command, [...before, ...login, ...args])).stdout
    }
    const log = await say('mysqlbinlog', '--read-from-remote-server', '--verbose', 'binlog.000001')
    expect(log).toContain(`### INSERT INTO \`${database}\`.\`t\`\n### SET\n###   @1=7`)
    expect(await say('mysqldump', '--single-transaction', database)).toContain('INSERT INTO `t` VALUES')
    expect(await say('mysql', '--batch', '--skip-column-names', '--execute=SELECT id FROM t', database)).toBe('7\n')
  })

  it('keeps its data, its port and its identity through a restart and through SIGKILL', async () => {
    const { port, pid } = server()
    const identity = flavor === 'mysql' ? 'SELECT @@server_uuid AS it' : 'SELECT @@server_id AS it'
    const before = await server().query(identity)
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)', database)
    await server().restart()
    expect(server().pid).not.toBe(pid)
    await server().query('INSERT INTO t VALUES (2)', database)
    await server().kill()
    expect(server().pid).toBeUndefined()
    await expect(server().query('DO 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await server().start()
    expect(server().port).toBe(port)
    expect(await server().query('SELECT id FROM t', database)).toEqual([{ id: '1' }, { id: '2' }])
    expect(await server().query(identity)).toEqual(before)
  })

  it('takes options over its own, is another server each time, and leaves nothing behind', async () => {
    const other = await startMysql({ flavor, options: ['--binlog-row-image=MINIMAL', '--server-id=7'] })
    const { folder, pid } = other
    try {
      expect(await variables(other, 'binlog_row_image', 'server_id')).toEqual(['MINIMAL', '7'])
      await other.restart(['--binlog-row-image=NOBLOB'])
      expect(await variables(other, 'binlog_row_image', 'server_id')).toEqual(['NOBLOB', '7'])
      if (flavor === 'mysql') {
        expect(await variables(other, 'server_uuid')).not.toEqual(await variables(server(), 'server_uuid'))
      }
      expect(existsSync(folder)).toBe(true)
    } finally {
      await other[Symbol.asyncDispose]()
    }
    expect([existsSync(folder), isThere(pid!)]).toEqual([false, false])
  })
})

await describeEachFlavor(flavor => {
  itIf(hasOpenssl, 'openssl is not there')('offers TLS with a certificate that can be verified', async () => {
    await using server = await startMysql({ flavor, tls: true })
    const ca = await readFile(server.certificate)
    const connection = await server.connect({ ssl: { ca } })
    const [rows] = await connection.query("SHOW STATUS LIKE 'Ssl_version'")
    await connection.end()
    expect(rows).toEqual([{ Variable_name: 'Ssl_version', Value: 'TLSv1.3' }])
  })

  it('leaves nothing behind when its starter is killed', async () => {
    const module = fileURLToPath(new URL('../../support/mysql/server.ts', import.meta.url))
    const code = `const { startMysql } = await import(${JSON.stringify(module)})
      const { folder, pid } = await startMysql({ flavor: '${flavor}' })
      process.stdout.write(JSON.stringify({ folder, pid }))
      setInterval(() => {}, 1000)`
    const starter = spawn(process.execPath, ['--input-type=module', '--eval', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = await once(starter.stdout, 'data')
    const { folder, pid } = JSON.parse(String(said))
    expect([existsSync(folder), isThere(pid)]).toEqual([true, true])
    starter.kill('SIGKILL')
    await until(() => !existsSync(folder) && !isThere(pid), 'its folder and its process are gone')
  })
})

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
