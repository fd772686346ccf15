/** The example of docs/testing.md, as it stands there. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { cachedPackage } from '../support/cached-package.ts'
import { dockerProblem } from '../support/image-files.ts'
import { availableMysql } from '../support/mysql/programs.ts'
import { itIf } from '../support/skip.ts'

const ROOT = new URL('../../', import.meta.url)
const TESTCONTAINERS = '12.2.0'
/** An image may have to be pulled. */
const CONTAINER_MS = 300_000

const MYSQL_TESTCONTAINERS = '12.1.0'

const NATIVE = `import { startPostgres } from '${new URL('test/support/postgres.ts', ROOT)}'
export async function startDatabase() {
  const server = await startPostgres()
  return { url: server.url(), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}
`

const NATIVE_MYSQL = `import { startMysql } from '${new URL('test/support/mysql/server.ts', ROOT)}'
export async function startDatabase() {
  const server = await startMysql({ flavor: 'mysql' })
  await server.createDatabase('test')
  return { url: server.url('root', 'test'), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}
`

const exec = promisify(execFile)
const noDocker = await dockerProblem()

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-doc-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** The page's files, packages of other people beside them. */
async function lay(packages: Readonly<Record<string, string>>): Promise<void> {
  const page = await readFile(new URL('docs/testing.md', ROOT), 'utf8')
  const files = [...page.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)]
  expect(files.map(([, name]) => name)).toEqual([
    ...['tailrace.yaml', 'articles.test.ts', 'database.ts'],
    ...['tailrace-mysql.yaml', 'articles-mysql.test.ts', 'database-mysql.ts'],
  ])
  const testing = new URL('runtime/testing.ts', ROOT).href
  for (const [, name, text] of files)
    await writeFile(join(folder, name!), text!.replace("'tailrace/testing'", `'${testing}'`))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await mkdir(join(folder, 'node_modules'))
  for (const [name, nodeModules] of Object.entries(packages))
    await symlink(join(nodeModules, name), join(folder, 'node_modules', name))
}

/** What the runner says, also of a test that fails. */
async function runExample(file: string): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, DOCKER_HOST: process.env.DOCKER_HOST }
  const run = exec(process.execPath, ['--test', '--test-reporter=tap', file], { cwd: folder, env })
  return (await run.catch((failed: { stdout: string }) => failed)).stdout
}

const ours = fileURLToPath(new URL('node_modules', ROOT))

it('runs with a PostgreSQL of its own', async () => {
  await lay({ pg: ours })
  await writeFile(join(folder, 'database.ts'), NATIVE)
  expect(await runExample('articles.test.ts')).toMatch(/^# pass 1$/m)
})

itIf(noDocker === undefined, noDocker ?? '')(
  'runs with a PostgreSQL of testcontainers',
  async () => {
    const cached = await cachedPackage('@testcontainers/postgresql', TESTCONTAINERS)
    await lay({ pg: ours, '@testcontainers': join(cached, 'node_modules') })
    expect(await runExample('articles.test.ts')).toMatch(/^# pass 1$/m)
  },
  CONTAINER_MS,
)

const available = await availableMysql('mysql')

itIf('programs' in available, 'reason' in available ? available.reason : '')(
  'runs with a MySQL of its own',
  async () => {
    await lay({ mysql2: ours })
    await writeFile(join(folder, 'database-mysql.ts'), NATIVE_MYSQL)
    expect(await runExample('articles-mysql.test.ts')).toMatch(/^# pass 1$/m)
  },
)

itIf(noDocker === undefined, noDocker ?? '')(
  'runs with a MySQL of testcontainers',
  async () => {
    const cached = await cachedPackage('@testcontainers/mysql', MYSQL_TESTCONTAINERS)
    await lay({ mysql2: ours, '@testcontainers': join(cached, 'node_modules') })
    expect(await runExample('articles-mysql.test.ts')).toMatch(/^# pass 1$/m)
  },
  CONTAINER_MS,
)
