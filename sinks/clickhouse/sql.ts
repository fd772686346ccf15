/** SQL texts. https://clickhouse.com/docs/sql-reference/syntax */

export function quote(identifier: string): string {
  return `\`${identifier.replace(/[\\`]/g, '\\$&')}\``
}

export function text(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`
}

/**
 * What an INSERT needs: an answer means that the rows are a part of the table, in one piece (`max_insert_block_size`), and
 * not that they wait in a queue.
 */
export const INSERTING = 'SETTINGS async_insert = 0, max_insert_block_size = 100000000'

/** Keys stand in these, which no log of queries is to keep; replicas answer with what was written last. */
export const READING = 'SETTINGS log_queries = 0, select_sequential_consistency = 1'

/** Of statements that remove: a table of any size goes. */
export const REMOVING = 'SETTINGS max_table_size_to_drop = 0, max_partition_size_to_drop = 0'

/** What is written is on disk when the server answers. */
export const ON_DISK = { fsync_after_insert: 1, fsync_part_directory: 1 }

export type TableSettings = Readonly<Record<string, string | number | boolean>>

export function settingsText(settings: TableSettings): string {
  const each = Object.entries({ ...ON_DISK, ...settings }).map(
    ([name, value]) => `${name} = ${typeof value === 'string' ? text(value) : Number(value)}`,
  )
  return `SETTINGS ${each.join(', ')}`
}
