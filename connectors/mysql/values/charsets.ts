import { TailraceError } from '../../../runtime/errors.ts'
import type { Flavor } from '../wire-column.ts'
import { isMultiByte, multiByteReader } from './multi-byte.ts'
import {
  multiByteWriter,
  NONE,
  readUtf32,
  singleByteWriter,
  utf16Reader,
  type WriteText,
  writeAscii,
  writeUtf8,
} from './text.ts'

/** Rows of a query, each a list of texts. The session has no strict mode in the way: `sql_mode` is empty. */
export type Query = (sql: string) => Promise<readonly (readonly (string | null)[])[]>

export interface Charset {
  readonly name: string
  /** Bytes of its longest character. */
  readonly maxBytes: number
}

/** Collation of columns that hold bytes. */
export const BINARY = 63

const UNICODE: ReadonlyMap<string, WriteText> = new Map<string, WriteText>([
  ['ascii', writeAscii],
  ['ucs2', multiByteWriter(utf16Reader('big', false))],
  ['utf16', multiByteWriter(utf16Reader('big', true))],
  ['utf16le', multiByteWriter(utf16Reader('little', true))],
  ['utf32', multiByteWriter(readUtf32)],
  ['utf8', writeUtf8],
  ['utf8mb3', writeUtf8],
  ['utf8mb4', writeUtf8],
])

/** MariaDB has collations that are there once for each of several character sets; only this table numbers them all. */
const COLLATIONS: Readonly<Record<Flavor, string>> = {
  mysql: 'SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS',
  mariadb: 'SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY',
}

/**
 * Character sets of a server by its collations, and their text as UTF-8. What each byte or code of a character set
 * stands for is asked of the server, so that it is the server's own conversion by construction.
 */
export class Charsets {
  readonly #query: Query
  readonly #collations: ReadonlyMap<number, Charset>
  readonly #writers = new Map<string, WriteText>(UNICODE)

  private constructor(query: Query, collations: ReadonlyMap<number, Charset>) {
    this.#query = query
    this.#collations = collations
  }

  /** Knows all character sets of one byte and Unicode; of the others those that `prepare` is called for. */
  static async load(flavor: Flavor, query: Query): Promise<Charsets> {
    const lengths = new Map<string, number>()
    for (const [name, length] of await query(
      'SELECT CHARACTER_SET_NAME, MAXLEN FROM information_schema.CHARACTER_SETS',
    ))
      lengths.set(name!, Number(length))
    const collations = new Map<number, Charset>()
    for (const [id, name] of await query(COLLATIONS[flavor]))
      if (id && name) collations.set(Number(id), { name, maxBytes: lengths.get(name) ?? 1 })
    const charsets = new Charsets(query, collations)
    await charsets.#loadSingleBytes([...lengths].filter(([, length]) => length === 1).map(([name]) => name))
    return charsets
  }

  /** Throws CHARSET_UNKNOWN, naming the column. */
  of(collation: number, column: string): Charset {
    const charset = this.#collations.get(collation)
    if (charset === undefined) throw unknownCharset(`collation ${collation}`, column)
    return charset
  }

  /** Whether text of this character set can be read without `prepare`. */
  isPrepared(charset: string): boolean {
    return this.#writers.has(charset)
  }

  /** Makes sure that text of these character sets can be read; of one that nobody here knows, `writer` throws. */
  async prepare(names: Iterable<string>): Promise<void> {
    for (const name of names) {
      if (this.#writers.has(name) || !isMultiByte(name)) continue
      const reader = await multiByteReader(name, (codes, length) => this.#points(name, codes, length))
      this.#writers.set(name, multiByteWriter(reader))
    }
  }

  /** Throws CHARSET_UNKNOWN, naming column and character set, for one that is not prepared, or has no reader. */
  writer(charset: string, column: string): WriteText {
    const writer = this.#writers.get(charset)
    if (writer === undefined) throw unknownCharset(`character set ${charset}`, column)
    return writer
  }

  async #loadSingleBytes(names: readonly string[]): Promise<void> {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    for (const name of names)
      if (name !== 'binary' && !this.#writers.has(name))
        this.#writers.set(name, singleByteWriter(await this.#points(name, bytes, 1)))
  }

  /** What the server makes of these codes of a character set. It puts a question mark where it knows no character. */
  async #points(name: string, codes: Buffer, length: number): Promise<Uint32Array> {
    const text = `CONVERT(X'${codes.toString('hex')}' USING ${name})`
    const [row] = await this.#query(`SELECT HEX(CONVERT(${text} USING utf32))`)
    const points = Buffer.from(row?.[0] ?? '', 'hex')
    const count = codes.length / length
    if (points.length !== 4 * count) throw unknownCharset(`character set ${name}`, undefined)
    return Uint32Array.from({ length: count }, (_, i) => {
      const point = points.readUInt32BE(4 * i)
      const isMark = point === 0x3f && !(length === 1 && codes[i] === 0x3f)
      return isMark ? NONE : point
    })
  }
}

function unknownCharset(what: string, column: string | undefined): TailraceError {
  const where = column === undefined ? '' : ` of column "${column}"`
  return new TailraceError('CHARSET_UNKNOWN', 'stop', `Text in the ${what}${where} cannot be read.`, {
    hint: 'Exclude the column, or convert the table: ALTER TABLE ... CONVERT TO CHARACTER SET utf8mb4.',
  })
}
