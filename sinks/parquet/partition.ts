import { fitName, type NameRules } from '../../runtime/naming.ts'
import { FOLDER_NAMES } from '../common/folder-names.ts'
import { literal, quote } from '../duckdb-file/database.ts'
import { type Layout, Own } from '../duckdb-file/layout.ts'

/** How the rows of a table are dealt out to folders `name=value`. */
export interface Partition {
  /** No column of the files has this name: readers find it beside them. */
  readonly name: string
  /** The value, as text, in SQL. */
  readonly sql: string
}

export const PERIODS = ['none', 'hour', 'day', 'month'] as const
export type Period = (typeof PERIODS)[number]

const PERIOD_FORM: Readonly<Record<Exclude<Period, 'none'>, { name: string; form: string }>> = {
  hour: { name: '_commit_hour', form: '%Y-%m-%dT%H' },
  day: { name: '_commit_date', form: '%Y-%m-%d' },
  month: { name: '_commit_month', form: '%Y-%m' },
}

/** More folders than that in one set of a table are a mistake. */
export const MOST_PARTITIONS = 10_000

/** By when, in UTC, a change was committed. */
export function byPeriod(period: Period): Partition | undefined {
  if (period === 'none') return undefined
  const { name, form } = PERIOD_FORM[period]
  // As a time without a zone: of one with a zone the session's would count.
  return { name, sql: `strftime(make_timestamp(epoch_us(${quote(Own.committedAt)})), ${literal(form)})` }
}

/** By a column of the source; undefined where the table has none of that name. */
export function byColumn({ columns }: Layout, column: string): Partition | undefined {
  const name = columns.find(({ source }) => source === column)?.name
  return name === undefined ? undefined : { name: `_${name}`, sql: `${quote(name)}::VARCHAR` }
}

/** Readers take `%XX` in the name of such a folder for the byte. */
const VALUES: NameRules = {
  ...FOLDER_NAMES,
  maxBytes: 150,
  holds: character => character !== '%' && character !== '=' && FOLDER_NAMES.holds(character, false),
}

/** As readers know it from Hive, for null and for no text at all. */
const NOTHING = '__HIVE_DEFAULT_PARTITION__'

export function partitionFolder({ name }: Partition, value: string | null): string {
  return `${fitName(name, VALUES)}=${value === null || value === '' ? NOTHING : fitName(value, VALUES)}`
}
