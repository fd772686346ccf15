import type { TextRow } from './connection.ts'

/** What statements are run on. */
export interface Queries {
  query(sql: string): Promise<TextRow[]>
}
