import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { queryFile } from './duckdb-client.ts'
import type { ItemsClient } from './sink-rig.ts'

/** Users of the files in file-places.ts, who read `app.public.items`. */

export async function sqliteClient(data: string): Promise<ItemsClient> {
  const database = new DatabaseSync(join(data, 'rows.db'), { readOnly: true })
  return {
    async read() {
      const rows = database.prepare('SELECT id, name FROM app_public_items').all()
      return new Map(rows.map(({ id, name }) => [String(id), String(name)]))
    },
    async [Symbol.asyncDispose]() {
      database.close()
    },
  }
}

export async function copyClient(data: string): Promise<ItemsClient> {
  const path = join(data, 'copy.duckdb')
  return {
    async read() {
      if (!existsSync(path)) return new Map()
      const rows = await queryFile(path, 'SELECT id, name FROM app_public.items')
      return new Map(rows.map(({ id, name }) => [String(id), String(name)]))
    },
    async [Symbol.asyncDispose]() {},
  }
}
