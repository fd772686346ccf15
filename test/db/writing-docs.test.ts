/** The plugins of docs/writing-a-sink.md and docs/writing-a-source.md, as they stand there, in a pipeline. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { runVerb } from '../support/run-verb.ts'

const ROOT = new URL('../../', import.meta.url)
const ROWS = 500
const CHANGES = 3000

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-writing-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** The page's file of this name, its imports from the checkout. */
async function lay(page: string, name: string): Promise<string> {
  const text = await readFile(new URL(`docs/${page}`, ROOT), 'utf8')
  const code = new RegExp(`^\`\`\`ts ${name.replace('.', '\\.')}\\n(.*?)^\`\`\`$`, 'ms').exec(text)![1]!
  const here = code
    .replaceAll(/'tailrace\/([\w/-]+)'/g, (_, path: string) => `'${new URL(`runtime/${path}.ts`, ROOT).href}'`)
    .replaceAll("'zod'", `'${new URL('node_modules/zod/index.js', ROOT).href}'`)
  await writeFile(join(folder, name), here)
  return code
}

interface Shelf {
  readonly cursor: string
  readonly rows: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const configOf = (changes: number): string => `
pipeline: writing
log: { path: ./data }
sources:
  gen: { type: generate, rows: ${ROWS}, rate: max, changes: ${changes}, keyChanges: true, truncates: false }
sinks:
  shelf: { type: ./json-file.ts, path: ./shelf }
  copy: { type: sqlite, path: ./copy.db }
http: { listen: '127.0.0.1:0' }
`

it('the sink of the page is short, and holds what a sink of ours holds, also after a restart', async () => {
  const code = await lay('writing-a-sink.md', 'json-file.ts')
  expect(code.trimEnd().split('\n').length).toBeLessThan(60)
  const file = join(folder, 'tailrace.yaml')
  const rowsAfter = async (changes: number): Promise<[shelf: string[], copy: string[]]> => {
    await writeFile(file, configOf(changes))
    const said = await runVerb(['run', '-c', file, '--until-caught-up', '--yes'])
    expect([said.code, said.err.includes('SINK_')]).toEqual([0, false])
    const shelf = JSON.parse(await readFile(join(folder, 'shelf', 'gen.json'), 'utf8')) as Shelf
    using database = new DatabaseSync(join(folder, 'copy.db'), { readOnly: true })
    const [{ name }] = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'public%'")
      .all() as [{ name: string }]
    const ids = database.prepare(`SELECT * FROM "${name}"`).all()
    const told = (row: Readonly<Record<string, unknown>>): string => String(row.id)
    return [Object.values(shelf.rows).map(told).sort(), ids.map(told).sort()]
  }
  for (const changes of [CHANGES, 2 * CHANGES]) {
    const [shelf, copy] = await rowsAfter(changes)
    expect(shelf.length).toBeGreaterThan(ROWS)
    expect(shelf).toEqual(copy)
  }
}, 60_000)

it('the source of the page brings every line once, also those that come while nothing runs', async () => {
  await lay('writing-a-source.md', 'lines.ts')
  const file = join(folder, 'tailrace.yaml')
  const people = join(folder, 'people.ndjson')
  await writeFile(
    file,
    `
pipeline: writing
log: { path: ./data }
sources:
  app: { type: ./lines.ts, path: ./people.ndjson }
sinks:
  copy: { type: sqlite, path: ./copy.db }
http: { listen: '127.0.0.1:0' }
`,
  )
  const line = (id: string, name: string | null): string => `${JSON.stringify({ id, name })}\n`
  const names = async (): Promise<unknown[]> => {
    const said = await runVerb(['run', '-c', file, '--until-caught-up', '--yes'])
    expect([said.code, said.err.includes('SOURCE_')]).toEqual([0, false])
    using database = new DatabaseSync(join(folder, 'copy.db'), { readOnly: true })
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE name = 'public_people'").all()
    if (tables.length === 0) return []
    return database
      .prepare('SELECT id, name FROM public_people ORDER BY id')
      .all()
      .map(({ id, name }) => `${id} ${name}`)
  }
  await writeFile(people, '')
  expect(await names()).toEqual([])
  await appendFile(people, line('1', 'Ada') + line('2', 'Grace') + line('1', 'Ada Lovelace'))
  expect(await names()).toEqual(['1 Ada Lovelace', '2 Grace'])
  await appendFile(people, `${line('2', null)}${line('3', 'Édith 🌊')}{"id":"4","na`)
  expect(await names()).toEqual(['1 Ada Lovelace', '3 Édith 🌊'])
}, 60_000)
