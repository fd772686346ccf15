/** Ways in which a row of a sink can be wrong, and hands that make it so behind the sink's back. */
import { DatabaseSync } from 'node:sqlite'
import { DuckDBInstance } from '@duckdb/node-api'
import type { RedisServer } from './redis.ts'

export interface FalseKind {
  readonly kind: 'missing' | 'extra' | 'different'
  readonly columns: readonly string[]
  /** In the columns, of the row that is there. */
  readonly falsify?: (row: Values) => Values
}

export interface FalseRow {
  /** An extra row gets the negative of it. */
  readonly id: number
  readonly kind: FalseKind
}

export interface Values {
  readonly name: string | null
  readonly price: string | null
  readonly note: string | null
}

export const FALSE_ROWS: readonly FalseKind[] = [
  { kind: 'missing', columns: [] },
  { kind: 'extra', columns: [] },
  { kind: 'different', columns: ['name'], falsify: row => ({ ...row, name: `${row.name} ` }) },
  { kind: 'different', columns: ['note'], falsify: row => ({ ...row, note: row.note === null ? '' : null }) },
  { kind: 'different', columns: ['price'], falsify: row => ({ ...row, price: otherLastDigit(row.price!) }) },
]

function otherLastDigit(decimal: string): string {
  return decimal.slice(0, -1) + ((Number(decimal.at(-1)) + 1) % 10)
}

export interface SinkHand {
  falsify(rows: readonly FalseRow[]): Promise<void>
}

const EXTRA: Values = { name: 'nobody', price: '1.000000', note: null }

/** The SQLite file, beside the sink that is at work. */
export class SqliteHand implements SinkHand {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async falsify(rows: readonly FalseRow[]): Promise<void> {
    using database = new DatabaseSync(this.#path, { timeout: 10_000 })
    const read = database.prepare('SELECT name, price, note FROM public_item WHERE id = ?')
    const update = database.prepare('UPDATE public_item SET name = ?, price = ?, note = ? WHERE id = ?')
    const insert = database.prepare('INSERT INTO public_item (name, price, note, id) VALUES (?, ?, ?, ?)')
    const remove = database.prepare('DELETE FROM public_item WHERE id = ?')
    database.exec('BEGIN IMMEDIATE')
    for (const { id, kind } of rows) {
      if (kind.kind === 'missing') remove.run(id)
      else if (kind.kind === 'extra') insert.run(EXTRA.name, EXTRA.price, EXTRA.note, -id)
      else {
        const { name, price, note } = kind.falsify!(read.get(id) as unknown as Values)
        update.run(name, price, note, id)
      }
    }
    database.exec('COMMIT')
  }
}

export class RedisHand implements SinkHand {
  readonly #server: RedisServer

  constructor(server: RedisServer) {
    this.#server = server
  }

  async falsify(rows: readonly FalseRow[]): Promise<void> {
    for (const { id, kind } of rows) {
      if (kind.kind === 'missing') await this.#server.command(['DEL', `public.item:${id}`])
      else if (kind.kind === 'extra') await this.#set(-id, EXTRA)
      else await this.#set(id, kind.falsify!(JSON.parse((await this.#server.text(['GET', `public.item:${id}`]))!)))
    }
  }

  async #set(id: number, { name, price, note }: Values): Promise<void> {
    await this.#server.command(['SET', `public.item:${id}`, JSON.stringify({ id, name, price, note })])
  }
}

/** The DuckDB file, which nobody else may have open meanwhile. */
export class DuckdbHand implements SinkHand {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async falsify(rows: readonly FalseRow[]): Promise<void> {
    const instance = await DuckDBInstance.create(this.#path)
    const connection = await instance.connect()
    try {
      const text = 'SELECT name, price::VARCHAR AS price, note FROM public.item WHERE id = '
      for (const { id, kind } of rows) {
        if (kind.kind === 'missing') await connection.run(`DELETE FROM public.item WHERE id = ${id}`)
        else if (kind.kind === 'extra')
          await connection.run(
            `INSERT INTO public.item (id, name, price, note) VALUES (${-id}, '${EXTRA.name}', ${EXTRA.price}, NULL)`,
          )
        else {
          const [row] = await (await connection.run(text + id)).getRowObjectsJson()
          const { name, price, note } = kind.falsify!(row as unknown as Values)
          await connection.run('UPDATE public.item SET name = $1, price = $2, note = $3 WHERE id = $4', [
            name,
            price,
            note,
            id,
          ] as never)
        }
      }
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  }
}
