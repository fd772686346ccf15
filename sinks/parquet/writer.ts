import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crashPoint } from '../../runtime/crash.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { literal, quote } from '../duckdb-file/database.ts'
import { type Layout, Own } from '../duckdb-file/layout.ts'
import type { Reader } from '../duckdb-file/reader.ts'
import { type Storage, sqlType } from '../duckdb-file/storage.ts'
import type { SetFile } from './manifest.ts'
import { MOST_PARTITIONS, type Partition, partitionFolder } from './partition.ts'
import type { Place } from './place.ts'

export interface WriterOptions {
  /** Folder of this machine where files are made, on the disk of a place that is one. */
  readonly staging: string
  readonly compression: string
  /** A file ends with the row group that reaches this. */
  readonly fileBytes: number
}

/** Rows that are to become files. */
export interface Rows {
  readonly layout: Layout
  /** What they are read from, in SQL, with the layout's columns. */
  readonly from: string
  /** What of that is written, in SQL. Default: the layout's columns. */
  readonly select?: string
  /** Columns to sort by, quoted. Default: as they come. */
  readonly order?: readonly string[]
  readonly partition: Partition | undefined
  /** Place of their columns among the schemas of the table's files. */
  readonly schema: number
  /** The path of the nth file of the table in this set; `versions`: of its rows, where they have some. */
  path(folder: string, versions: Versions | undefined, n: number): string
}

export interface Versions {
  readonly first: bigint
  readonly last: bigint
}

interface Part {
  readonly folder: string
  readonly condition: string
}

interface Made {
  /** On this machine. */
  readonly file: string
  readonly rows: number
  readonly bytes: number
  readonly versions: Versions | undefined
}

/** Turns rows of the store into files at their place. Until a manifest lists them they are nobody's. */
export class Writer {
  readonly #reader: Reader
  readonly #place: Place
  readonly #options: WriterOptions

  constructor(reader: Reader, place: Place, options: WriterOptions) {
    this.#reader = reader
    this.#place = place
    this.#options = options
  }

  /** The files, durable at their place. Of no rows there is one all the same, for its columns, unless they have versions. */
  async write(rows: Rows, signal: AbortSignal): Promise<SetFile[]> {
    const files: SetFile[] = []
    for (const part of await this.#parts(rows)) {
      const staging = join(this.#options.staging, 'files')
      await rm(staging, { recursive: true, force: true })
      await mkdir(staging, { recursive: true, mode: 0o700 })
      const made = await this.#copy(rows, part, staging)
      crashPoint('parquet.written')
      for (const { file, versions, ...counts } of made) {
        signal.throwIfAborted()
        const path = rows.path(part.folder, versions, files.length + 1)
        await this.#place.put(file, path, signal)
        crashPoint('parquet.put')
        files.push({ path, ...counts, ...versionTexts(versions), schema: rows.schema })
      }
      await rm(staging, { recursive: true, force: true })
    }
    return files
  }

  /** The partitions, in the order of their first rows. */
  async #parts({ layout, from, partition }: Rows): Promise<Part[]> {
    const hasVersions = layout.columns.some(({ source, name }) => source === undefined && name === Own.version)
    const first = hasVersions ? `min(${quote(Own.version)})` : 'NULL'
    const value = partition?.sql ?? 'NULL::VARCHAR'
    const found = await this.#reader.all(
      `SELECT ${value}, ${first} FROM ${from}
       GROUP BY 1 ORDER BY 2, 1 LIMIT ${MOST_PARTITIONS + 1}`,
    )
    if (found.length > MOST_PARTITIONS)
      throw new TailraceError(
        'SINK_SCHEMA',
        'stop',
        `"${layout.table}" would be dealt out to more than ${MOST_PARTITIONS} folders.`,
        { hint: 'Name a column with fewer values in `partitionBy` of the sink.' },
      )
    if (found.length === 0 && !hasVersions) return [{ folder: '', condition: 'true' }]
    return found.map(([text]) => ({
      folder: partition === undefined ? '' : `${partitionFolder(partition, text as string | null)}/`,
      condition: found.length === 1 ? 'true' : isValue(value, text as string | null),
    }))
  }

  async #copy(
    { layout, from, select = fileColumns(layout), order = [] }: Rows,
    { condition }: Part,
    folder: string,
  ): Promise<Made[]> {
    const { compression, fileBytes } = this.#options
    const options = `FORMAT parquet, COMPRESSION ${compression}, FILE_SIZE_BYTES ${fileBytes}, RETURN_STATS true`
    const sorted = order.length === 0 ? '' : ` ORDER BY ${order.join(', ')}`
    const rows = `SELECT ${select} FROM ${from} WHERE ${condition}${sorted}`
    const made = await this.#reader.all(`COPY (${rows}) TO ${literal(join(folder, 'rows'))} (${options})`)
    return made.map(([file, count, bytes, , statistics]) => ({
      file: file as string,
      rows: Number(count),
      bytes: Number(bytes),
      versions: versionsIn(statistics as Statistics),
    }))
  }
}

/** By quoted name of a column, what DuckDB has found of it. */
interface Statistics {
  readonly entries: readonly { readonly key: string; readonly value: { readonly entries: readonly Entry[] } }[]
}

interface Entry {
  readonly key: string
  readonly value: string
}

function versionsIn({ entries }: Statistics): Versions | undefined {
  const found = entries.find(({ key }) => key === quote(Own.version))?.value.entries
  const [first, last] = ['min', 'max'].map(name => found?.find(({ key }) => key === name)?.value)
  return first === undefined || last === undefined ? undefined : { first: BigInt(first), last: BigInt(last) }
}

function isValue(sql: string, value: string | null): string {
  return value === null ? `(${sql}) IS NULL` : `(${sql}) = ${literal(value)}`
}

function versionTexts(versions: Versions | undefined): Pick<SetFile, 'minVersion' | 'maxVersion'> {
  return versions === undefined ? {} : { minVersion: String(versions.first), maxVersion: String(versions.last) }
}

function fileColumns({ columns }: Layout): string {
  return columns.map(({ name, storage }) => fileColumn(name, storage)).join(', ')
}

/** A column as it is written: Parquet's intervals end at milliseconds, so that they are text. */
function fileColumn(name: string, storage: Storage): string {
  const type = fileType(storage)
  return type === sqlType(storage) ? quote(name) : `${quote(name)}::${type} AS ${quote(name)}`
}

/** The SQL type of a column of the files. */
export function fileType(storage: Storage): string {
  if (storage.kind === 'list') return `${fileType(storage.element)}[]`
  return storage.kind === 'interval' ? 'VARCHAR' : sqlType(storage)
}
