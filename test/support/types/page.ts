/** The tables of docs/types.md, from the sinks themselves. */
import { ScriptedLog, tuple } from '../scripted-log.ts'
import { BUILT_IN } from './built-in.ts'
import { type Entry, entriesOf, placesOf, typedTable } from './entries.ts'
import { EXTENSIONS } from './extensions.ts'
import { ARRAYS, MADE } from './made.ts'
import { isListed, MYSQL_TYPES } from './mysql-types.ts'
import { duckdbForms, type Form, jsonForms, parquetForms, sqliteForms, type TypedLog } from './sink-forms.ts'
import type { TypeCase } from './type-case.ts'

export const ALL: readonly TypeCase[] = [...BUILT_IN, ...ARRAYS, ...MADE, ...EXTENSIONS]

/** Sinks that need no server. */
export const SINKS = { json: jsonForms, sqlite: sqliteForms, duckdb: duckdbForms, parquet: parquetForms }
/** The page's columns. */
const NAMES = ['json', 'sqlite', 'duckdb'] as const
type Name = (typeof NAMES)[number]

/** A value and its form in each sink. */
export interface Documented {
  readonly entry: Entry
  readonly forms: Readonly<Record<Name, Form>>
}

export const NEWEST = 18

/** Every value of these types in a log without a source. */
export function typedLog(cases: readonly TypeCase[]): TypedLog {
  const entries = entriesOf(cases, NEWEST)
  const table = typedTable(cases)
  const id = '7fe5'
  const batch = new ScriptedLog(id).batch(writer => {
    writer.announce(table)
    for (const [row, { column, value }] of entries.entries())
      writer.row('r', table, tuple([String(row), ...cases.map((_, i) => (i === column ? value.text : null))]))
  })
  return { id, batches: [batch], places: placesOf(entries, [0]) }
}

async function documented(cases: readonly TypeCase[]): Promise<Documented[]> {
  const log = typedLog(cases)
  const [json, sqlite, duckdb] = [await jsonForms(log), await sqliteForms(log), await duckdbForms(log)]
  return entriesOf(cases, NEWEST).map((entry, row) => ({
    entry,
    forms: { json: json.forms[row], sqlite: sqlite.forms[row], duckdb: duckdb.forms[row] },
  }))
}

/** Beyond this a value is told of in the page's words. */
const LONGEST = 60

/** Whether a page can show it: short, and nothing in it that has no shape. */
function isShown({ entry, forms }: Documented): boolean {
  const texts = [entry.value.text, ...NAMES.map(name => forms[name]?.text ?? '')]
  return texts.every(text => text.length <= LONGEST && !/[\p{Cc}\p{Cf}\p{Cn}\p{Zl}\u00a0]/u.test(text))
}

/** Whether the example of its type says the same of it: types, and whether the value is the log's text. */
function isLike(one: Documented, example: Documented): boolean {
  if (one.entry.of !== example.entry.of) return false
  const said = ({ entry, forms }: Documented): string =>
    NAMES.map(name => `${forms[name]?.type} ${forms[name]?.text === entry.value.text}`).join()
  return said(one) === said(example)
}

function code(text: string): string {
  if (text === '') return '(empty)'
  const fence = text.includes('`') ? '``' : '`'
  return `${fence}${text.replaceAll('|', '\\|')}${fence}`
}

function logicalName({ logical }: TypeCase): string {
  const name = (type: TypeCase['logical']): string => {
    if (type.kind === 'array') return `array of ${name(type.element)}`
    if (type.kind === 'decimal' && type.precision !== undefined) return `decimal(${type.precision},${type.scale})`
    return type.kind
  }
  return name(logical)
}

/** The type, and the value where it is another text than the log's. */
function shown(form: Form, text: string): string {
  if (form === undefined) return 'refused'
  return form.text === text ? form.type : `${form.type} ${code(form.text)}`
}

function rows(all: readonly Documented[]): string[] {
  return all.map(({ entry, forms }) => {
    const { of, value } = entry
    const cells = [
      code(of.type),
      logicalName(of),
      code(value.text),
      ...NAMES.map(name => shown(forms[name], value.text)),
    ]
    return `| ${cells.join(' | ')} |`
  })
}

const head = (database: string): string[] => [
  `| ${database} | logical type | text in the log | JSON | SQLite | DuckDB |`,
  '|---|---|---|---|---|---|',
]

/** Rows for the first value of each type, and for those whose form differs from it. */
async function examplesOf(cases: readonly TypeCase[]): Promise<{ examples: Documented[]; extremes: Documented[] }> {
  const all = await documented(cases)
  const examples = all.filter(({ entry }) => entry.of.values[0] === entry.value)
  return { examples, extremes: all.filter(one => isShown(one) && !examples.some(example => isLike(one, example))) }
}

/** Sections of the page by the word of their markers. */
export async function tablesOfPage(): Promise<Map<string, string>> {
  const { examples, extremes } = await examplesOf(ALL)
  const mysql = await examplesOf(MYSQL_TYPES)
  const closed = BUILT_IN.filter(({ values }) => values.length === 0).map(
    of => `| ${code(of.type)} | ${logicalName(of)} | null only: it takes no input | null | NULL | NULL |`,
  )
  const within = (cases: readonly TypeCase[]): string[] =>
    rows(examples.filter(({ entry }) => cases.includes(entry.of)))
  const sections: [string, string[]][] = [
    ['built-in', [...within(BUILT_IN), ...closed]],
    ['made', within([...ARRAYS, ...MADE])],
    ['extensions', within(EXTENSIONS)],
    ['extremes', rows(extremes)],
  ]
  const ofMysql: [string, string[]][] = [
    ['mysql', rows(mysql.examples.filter(({ entry }) => isListed(entry.of)))],
    ['mysql extremes', rows(mysql.extremes.filter(({ entry }) => isListed(entry.of)))],
  ]
  const tables = (database: string, lists: typeof sections): [string, string][] =>
    lists.map(([name, lines]) => [name, [...head(database), ...lines].join('\n')])
  return new Map([...tables('PostgreSQL', sections), ...tables('MySQL, MariaDB', ofMysql)])
}

/** The page with its tables as they should be. */
export async function withTables(page: string): Promise<string> {
  let written = page
  for (const [name, table] of await tablesOfPage()) {
    const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`]
    const from = written.indexOf(begin)
    const to = written.indexOf(end)
    if (from === -1 || to < from) throw new Error(`docs/types.md has no place for the table "${name}"`)
    written = `${written.slice(0, from + begin.length)}\n${table}\n\n${written.slice(to)}`
  }
  return written
}
