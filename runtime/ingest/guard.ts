import { TailraceError } from '../errors.ts'

/** So many a sweep may always delete. */
const FREE = 10_000
const DEFAULT_SHARE = '20%'

/** R6.5. `rows`: keys of the table that the pass has seen. `maxDeletes` as in Source. */
export function isTooMany(deletes: number, rows: number, maxDeletes: number | string = DEFAULT_SHARE): boolean {
  if (deletes <= FREE) return false
  if (typeof maxDeletes === 'number') return deletes > maxDeletes
  return deletes > (Number.parseFloat(maxDeletes) / 100) * (deletes + rows)
}

export function tooManyDeletes(source: string, table: string, deletes: number, rows: number): TailraceError {
  return new TailraceError(
    'RESYNC_TOO_MANY_DELETES',
    'stop',
    `The source has ${rows} rows of ${table}, and at least ${deletes} more that the log holds would be deleted.`,
    {
      hint: `If that is right: tailrace backfill --source ${source} --table ${table} --resnapshot --yes. Nothing was deleted.`,
    },
  )
}
