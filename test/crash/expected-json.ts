import { keyColumns, type TableName } from './tables.ts'

type TextRow = Readonly<Record<string, string | null>>

/**
 * A row of the oracle as one line of JSON by the rules of the public face, made from the text that PostgreSQL prints.
 * For these columns only and apart from the product, so that a fault there does not hide here.
 */
export function expectedJson(table: TableName, row: TextRow): string {
  const members = Object.entries(row).map(([name, text]) => `${JSON.stringify(name)}:${value(table, row, name, text)}`)
  return `{${members.join(',')}}`
}

function value(table: TableName, row: TextRow, name: string, text: string | null): string {
  if (text === null) return 'null'
  switch (name) {
    case 'ver':
    case 'txid':
    case 'txn_size':
    case 'a':
      return text
    case 'k':
      return table === 'by_number' ? text : JSON.stringify(text)
    case 'ratio':
      return /^[A-Z-]+[a-z]/.test(text) ? JSON.stringify(text) : text
    case 'flag':
      return text === 't' ? 'true' : 'false'
    case 'at':
      return JSON.stringify(text.replace(' ', 'T').replace(/\+00$/, 'Z'))
    case 'day':
      return JSON.stringify(isoDay(text))
    case 'raw':
      return JSON.stringify(Buffer.from(text.slice(2), 'hex').toString('base64'))
    case 'tags': {
      const key = keyColumns(table).map(column => row[column])
      return JSON.stringify([key.join('/'), null, 'a"b,{c}'])
    }
    default:
      return JSON.stringify(text)
  }
}

/** 44 BC is the year -43. */
function isoDay(text: string): string {
  const [, year, rest, era] = /^(\d+)(-\d\d-\d\d)( BC)?$/.exec(text)!
  if (era === undefined) return text
  const astronomical = Number(year) - 1
  return `${astronomical === 0 ? '' : '-'}${String(astronomical).padStart(4, '0')}${rest}`
}
