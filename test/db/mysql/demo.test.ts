import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from '@jest/globals'
import { SERVERS as NAMES, PLACES } from '../../../runtime/demo/mysql/programs.ts'
import type { DemoReport } from '../../../runtime/demo/run.ts'
import { availableMysql, mysqlPrograms, serverProgram } from '../../support/mysql/programs.ts'
import { placeFlags } from '../../support/mysql/settings.ts'
import { ServerFolder } from '../../support/server-folder.ts'
import { itIf } from '../../support/skip.ts'

const MAIN = fileURLToPath(new URL('../../../runtime/cli/main.ts', import.meta.url))
const run = promisify(execFile)
const OPTIONS = ['demo', '--mysql', '--rows', '7000', '--seconds', '4', '--json', '--no-redis', '--no-engine']

/** A `mysqld` as one that is installed: it knows by itself where its files are. */
async function installed(folder: ServerFolder): Promise<string> {
  const programs = await mysqlPrograms('mysql')
  const home = await folder.reach(programs.home)
  const program = await serverProgram(programs.release, home)
  const own = placeFlags(home, folder.path).filter(flag => /^--(basedir|lc-|character|plugin)/.test(flag))
  const bin = join(folder.path, 'bin')
  await mkdir(bin)
  const quoted = (words: readonly string[]): string => words.map(word => `'${word}'`).join(' ')
  const file = join(bin, 'mysqld')
  await writeFile(file, `#!/bin/sh\nfirst=$1\nshift\nexec ${quoted(program)} "$first" ${quoted(own)} "$@"\n`)
  await chmod(file, 0o755)
  await chmod(bin, 0o755)
  // Else its folder, which goes under that account, stays.
  await folder.own(bin)
  return bin
}

const available = await availableMysql('mysql')

itIf('programs' in available, 'reason' in available ? available.reason : '')(
  'the demo with a MySQL ends with every sink equal to the source, after a crash amid traffic',
  async () => {
    await using folder = await ServerFolder.make('tailrace-demo-mysql-')
    const PATH = `${await installed(folder)}:${process.env.PATH}`
    const { stdout } = await run(process.execPath, [MAIN, ...OPTIONS], { env: { ...process.env, PATH } })
    const { equal, rows, committed, logged, search } = JSON.parse(stdout) as DemoReport
    expect({ equal, rows }).toEqual({ equal: true, rows: 7000 })
    expect(logged).toMatchObject({ transactions: committed, repeated: 0 })
    expect(committed).toBeGreaterThan(100)
    expect(search.hits[0]?.sku).toBe('SKU-NEW')
  },
  180_000,
)

const isInstalled = PLACES.some(place => NAMES.some(name => existsSync(join(place, name))))

itIf(!isInstalled, 'a server is installed')('says what is missing where no server is installed', async () => {
  const env = { ...process.env, PATH: '/nowhere' }
  const failed = await run(process.execPath, [MAIN, ...OPTIONS], { env }).catch(error => error)
  expect(failed.code).toBe(3)
  expect(JSON.parse(failed.stderr.trim().split('\n').at(-1))).toMatchObject({ error: { code: 'DEMO_SERVER_MISSING' } })
})
