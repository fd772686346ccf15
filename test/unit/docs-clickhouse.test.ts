/** The table of types in docs/clickhouse.md says what the sink does. */
import { readFile } from 'node:fs/promises'
import { expect, it } from '@jest/globals'
import type { Column, LogicalType } from '../../runtime/contract.ts'
import { sqlType, storageOf } from '../../sinks/clickhouse/storage.ts'
import { column, table } from '../support/scripted-log.ts'

const OTHERS: readonly LogicalType[] = [
  ...(['text', 'json', 'xml', 'bits', 'interval', 'time', 'timetz', 'other'] as const).map(kind => ({ kind })),
  { kind: 'enum', labels: ['a'] },
  { kind: 'array', element: { kind: 'array', element: { kind: 'int32' } } },
]

function typeOf(of: Column): string {
  const id = column('id', 'int64')
  return sqlType(storageOf(table(1, 'public.t', [id, of]), of, new Set()))
}

function typeNamed(name: string): LogicalType {
  const [, array, kind, precision, scale] = /^(array of )?(\w+)(?:\((\d+),(\d+)\))?$/.exec(name)!
  const numbers = precision === undefined ? {} : { precision: Number(precision), scale: Number(scale) }
  const type = { kind, ...numbers } as LogicalType
  return array === undefined ? type : { kind: 'array', element: type }
}

it('the page tells which column each type gets', async () => {
  const page = await readFile(new URL('../../docs/clickhouse.md', import.meta.url), 'utf8')
  const [, text] = /<!-- types -->\n(.*)<!-- \/types -->/s.exec(page)!
  const lines = text!.trim().split('\n').slice(2)
  const rows = lines.map(line => /^\| ([^|]+?) \| (.*?) \|$/.exec(line)!).map(([, name, type]) => [name!, type!])
  expect(rows.length).toBe(18)
  const others = rows.pop()!
  for (const [name, type] of rows)
    expect([name, typeOf({ ...column('c', typeNamed(name!)), nullable: false })]).toEqual([name, type])
  for (const type of OTHERS)
    expect([type.kind, typeOf({ ...column('c', type), nullable: false })]).toEqual([type.kind, others[1]])
  expect(typeOf({ ...column('c', 'int64'), masked: true })).toBe('String')
  expect(typeOf(column('c', { kind: 'array', element: { kind: 'int32' } }))).toBe('String')
  expect(typeOf(column('c', { kind: 'boolean' }, 'tinyint(1)'))).toBe('Int16')
})
