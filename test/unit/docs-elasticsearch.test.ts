/** The table of fields in docs/elasticsearch.md says what the sink does. */
import { readFile } from 'node:fs/promises'
import { expect, it } from '@jest/globals'
import type { LogicalType } from '../../runtime/contract.ts'
import { mappingOf } from '../../sinks/elasticsearch/mapping.ts'
import { fieldNames } from '../../sinks/elasticsearch/names.ts'
import { column, table } from '../support/scripted-log.ts'

const ORDERED = new Set(['short', 'integer', 'long', 'unsigned_long', 'float', 'double', 'date', 'keyword'])
const OTHERS: readonly LogicalType[] = [
  ...(['bytes', 'uuid', 'bits', 'interval', 'time', 'timetz', 'other'] as const).map(kind => ({ kind })),
  { kind: 'enum', labels: ['a'] },
]

interface Field {
  readonly type: string
  readonly fields?: Readonly<Record<string, unknown>>
}

function fieldOf(type: LogicalType, masked = false): Field {
  return mappingOf({ name: 'c', type, declared: '', nullable: true, masked }) as unknown as Field
}

function rowOf({ type, fields = {} }: Field): string {
  const exact = ['exact', 'keyword'].find(name => name in fields)
  const term = exact === undefined ? 'the field' : `\`.${exact}\``
  const ranges = [...(ORDERED.has(type) ? ['the field'] : []), ...('nanos' in fields ? ['`.nanos`'] : [])]
  if (type === 'text') ranges.push(term)
  return `${type} | ${term} | ${ranges.join(', ')}`
}

it('the page tells which field each type gets, and how its values are found', async () => {
  const page = await readFile(new URL('../../docs/elasticsearch.md', import.meta.url), 'utf8')
  const [, text] = /<!-- fields -->\n(.*)<!-- \/fields -->/s.exec(page)!
  const rows = new Map(
    text!
      .trim()
      .split('\n')
      .slice(2)
      .map(line => /^\| ([^|]+?) \| (.*?) \|$/.exec(line)!)
      .map(([, name, rest]) => [name!, rest!.trimEnd()] as const),
  )
  const others = 'other types, and what a mask left'
  for (const [name, row] of rows) {
    if (name === others) continue
    const [, kind, precision] = /^(\w+)(?:\((\d)\))?$/.exec(name)!
    const type = { kind, ...(precision === undefined ? {} : { precision: Number(precision) }) } as LogicalType
    expect([name, row]).toEqual([name, rowOf(fieldOf(type)).trimEnd()])
  }
  for (const type of OTHERS) expect([type.kind, rowOf(fieldOf(type))]).toEqual([type.kind, rows.get(others)])
  expect(rowOf(fieldOf({ kind: 'int64' }, true))).toBe(rows.get(others))
  expect(rows.size).toBe(17)
})

it('fields are never taken for parts of objects, nor for those of the engine', () => {
  const names = ['a.b', '.', '_id', '_source', '_deleted', '_mine', ' ', 'order date', '%5Fid', '__proto__']
  const fields = fieldNames(
    table(
      1,
      'public.t',
      names.map(name => column(name, 'text')),
    ),
  )
  expect(fields).toEqual([
    'a%2Eb',
    '%2E',
    '%5Fid',
    '%5Fsource',
    '%5Fdeleted',
    '_mine',
    '%20',
    'order date',
    '%255%46id',
    '__proto__',
  ])
})
