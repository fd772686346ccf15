import { appendFile, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../errors.ts'
import { Rows, type TableShape } from '../rows.ts'
import { type JsonRow, jsonCell, parseDigits } from './json-cells.ts'
import type { DemoSink } from './sink.ts'
import { addedJson, CHANGED, REMOVED, TABLE, tamperedJson } from './tampering.ts'

/**
 * The files of a jsonl sink of mode `state`, read as anybody would who knows their format: the last line of a key is
 * its row, and lines count once the marker of a finished batch stands behind them.
 */
export class FilesSink implements DemoSink {
  readonly name = 'files'
  readonly about = ['lines of JSON']
  readonly options = { type: 'jsonl', path: './files', mode: 'state' }
  readonly examples: DemoSink['examples']
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = join(folder, 'files')
    const command = (where: string): string => `tail -n 2 ${where}/public.orders/*.jsonl`
    this.examples = [{ what: 'read the files', live: command(this.#folder), later: command('FOLDER') }]
  }

  async read(shape: TableShape): Promise<Rows> {
    const folder = this.#folderOf(shape.table)
    const current = new Map<string, JsonRow>()
    for (const file of await dataFiles(folder)) {
      let waiting: Line[] = []
      for (const text of (await readFile(join(folder, file), 'utf8')).split('\n')) {
        if (text === '') continue
        const line = parseDigits(text) as Line
        if (line.batch === undefined) {
          waiting.push(line)
          continue
        }
        for (const { key, value } of waiting) {
          const name = JSON.stringify(key)
          if (value === null || value === undefined) current.delete(name)
          else current.set(name, value)
        }
        waiting = []
      }
    }
    const rows = new Rows(shape)
    for (const value of current.values()) rows.add(shape.columns.map(({ name, type }) => jsonCell(type, value[name])))
    return rows
  }

  async tamper(): Promise<void> {
    const folder = this.#folderOf(TABLE)
    const file = join(folder, (await dataFiles(folder)).at(-1)!)
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
    const newest = (id: number): string => lines.findLast(line => line.startsWith(`{"key":[${id}],`))!
    const marker = lines.at(-1)
    const removal = `{"key":[${REMOVED}],"value":null}`
    await appendFile(file, [tamperedJson(newest(CHANGED)), addedJson(newest(REMOVED)), removal, marker, ''].join('\n'))
  }

  #folderOf(table: string): string {
    return join(this.#folder, `public.${table}`)
  }
}

/** A line's parts; numbers as their own digits. */
interface Line {
  readonly key?: readonly unknown[]
  readonly value?: JsonRow | null
  readonly batch?: string
}

/** The names of a table's files, oldest first. No folder means no rows. */
async function dataFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter(name => /^\d+\.jsonl$/.test(name)).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
