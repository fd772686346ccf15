/** What the types of docs/types.md become in ClickHouse, by its own SQL. */
import { expect, it } from '@jest/globals'
import type { LogicalType } from '../../runtime/contract.ts'
import { clickhouseForms } from '../support/clickhouse/clickhouse-forms.ts'
import { describeClickhouse } from '../support/clickhouse/clickhouse-suite.ts'
import { entriesOf } from '../support/types/entries.ts'
import { MYSQL_TYPES } from '../support/types/mysql-types.ts'
import { ALL, NEWEST, typedLog } from '../support/types/page.ts'
import type { Form } from '../support/types/sink-forms.ts'

await describeClickhouse(server => {
  it.each([
    ['PostgreSQL', ALL],
    ['MySQL and MariaDB', MYSQL_TYPES],
  ])(
    'every value of %s is in its column as it was, or is refused because the type has no such value',
    async (_, cases) => {
      const { forms } = await clickhouseForms(server(), typedLog(cases))
      const wrong = entriesOf(cases, NEWEST).flatMap(({ of, value }, row) =>
        isRight(of.logical, value.text, forms[row]) ? [] : [`${of.type} ${value.text}: ${JSON.stringify(forms[row])}`],
      )
      expect(wrong).toEqual([])
    },
    240_000,
  )
})

/** `form` undefined: refused. */
function isRight({ kind }: LogicalType, text: string, form: Form): boolean {
  if (form === undefined) return isOutside(kind, text)
  const { type } = form
  if (type === 'String') return form.text === textIn(kind, text)
  if (type === 'Bool') return form.text === String(/^(t|1|true)$/.test(text))
  if (type.startsWith('U') && type === 'UUID') return form.text === text
  if (/^U?Int/.test(type)) return BigInt(form.text) === BigInt(text)
  if (type.startsWith('Float')) return isSameNumber(type, form.text, text)
  if (type.startsWith('Decimal')) return trimmed(form.text) === trimmed(text)
  if (type === 'Date32') return form.text === text
  if (type.startsWith('DateTime64')) return trimmed(form.text) === trimmed(text.replace(/\+00$/, ''))
  return false
}

function textIn(kind: LogicalType['kind'], text: string): string {
  return kind === 'bytes' && text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex').toString() : text
}

function isSameNumber(type: string, held: string, text: string): boolean {
  const number = (of: string): number => Number(of.replace(/^(-?)inf$/, '$1Infinity').replace(/^nan$/, 'NaN'))
  const size = type === 'Float32' ? Math.fround : Number
  return Object.is(size(number(held)), size(number(text)))
}

/** Zeros behind the point say nothing. */
function trimmed(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/** What the types are documented not to hold. */
function isOutside(kind: LogicalType['kind'], text: string): boolean {
  if (kind === 'decimal') return /NaN|Infinity/i.test(text)
  if (kind !== 'date' && kind !== 'timestamp' && kind !== 'timestamptz') return false
  if (/infinity|BC$/.test(text)) return true
  const [, year, month, day] = /^(\d+)-(\d\d)-(\d\d)/.exec(text)!
  return Number(year) < 1900 || Number(year) > 2299 || month === '00' || day === '00'
}
