import { describe, expect, it } from '@jest/globals'
import type { z } from 'zod'
import { eventColumns, isOutbox, prefixMatcher, withOutbox } from '../../../connectors/common/event-options.ts'
import { EventRoute, messageTable, UNTYPED } from '../../../connectors/common/event-route.ts'
import { isEventTable } from '../../../connectors/common/event-tables.ts'
import { isWanted, selectTables } from '../../../connectors/common/selection.ts'
import { Numbering as MysqlNumbering } from '../../../connectors/mysql/numbering.ts'
import { postgresConfig } from '../../../connectors/postgres/config.ts'
import { Numbering } from '../../../connectors/postgres/table-version.ts'
import type { Table } from '../../../runtime/contract.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { decodeTable, encodeTable } from '../../../runtime/record/schema.ts'
import { tableFilter } from '../../../runtime/select.ts'
import { column, table } from '../../support/records.ts'

type Options = Partial<z.input<typeof postgresConfig>>

const parse = (options: Options) =>
  postgresConfig.parse({ url: 'postgres://h/d', tables: [], outbox: { table: 'public.outbox' }, ...options })
const outboxOf = (options: Options = {}) => parse(options).outbox!

const NAMES = ['id', 'aggregatetype', 'aggregateid', 'type', 'payload']
const CARRIER: Table = { ...table('outbox', { key: [], columns: NAMES.map(name => column(name)) }), routed: true }

const row = (type: string | Uint8Array | null) => {
  const bytes = encodeCells(['1', type, '2', 'x', '{}'])
  return { bytes, at: 0, end: bytes.length }
}

describe('options of events', () => {
  it('have the names of Debezium, and a schema of their own', () => {
    expect(eventColumns(outboxOf())).toEqual(NAMES)
    expect(outboxOf()).toMatchObject({ schema: 'outbox', maxTypes: 1000 })
    const columns = { id: 'a', aggregateType: 'b', timestamp: 't', additional: ['x'] }
    expect(eventColumns(outboxOf({ outbox: { table: 'public.outbox', columns } }))).toEqual([
      'a',
      'b',
      'aggregateid',
      'type',
      'payload',
      't',
      'x',
    ])
  })

  it.each<[string, Options]>([
    ['neither tables nor an outbox', { outbox: undefined }],
    ['messages alone', { outbox: undefined, messages: ['a'] }],
    ['a pattern of outboxes', { outbox: { table: 'public.*' } }],
    ['an outbox in the schema of events', { outbox: { table: 'outbox.events' } }],
    ['no type at all', { outbox: { table: 'public.outbox', maxTypes: 0 } }],
    ['a prefix of two parts', { messages: ['a.b'] }],
  ])('are refused with %s', (_, options) => {
    expect(() => parse(options)).toThrow()
  })

  it('take an outbox in a schema of that name if events have another', () => {
    expect(outboxOf({ outbox: { table: 'outbox.events', schema: 'event' } }).schema).toBe('event')
  })

  it('make the outbox one of the tables, whatever is excluded, and keep others out of the schema of events', () => {
    const config = withOutbox(parse({ tables: ['*.*'], exclude: ['public.out*'] }))
    const relations = ['public.outbox', 'public.outer', 'outbox.t', 'public.t'].map(name => {
      const [schema, table] = name.split('.')
      return { schema: schema!, table: table! }
    })
    const { chosen, problems } = selectTables(config, { relations, unsupported: () => undefined, toBeSeen: '' })
    expect(chosen.map(({ table }) => table)).toEqual(['outbox', 't'])
    expect(problems.map(({ code }) => code)).toEqual(['EVENT_SCHEMA'])
    expect(isOutbox(config, 'public', 'outbox')).toBe(true)
    expect(isWanted(config, { schema: 'public', table: 'outbox' })).toBe(true)
    expect(isWanted(config, { schema: 'public', table: 'outer' })).toBe(false)
  })

  it('name prefixes as tables are named', () => {
    const wants = prefixMatcher(['audit', 'app*', '"a.b"', '"*"'])
    expect(['audit', 'app', 'app.x', 'a.b', '*'].map(wants)).toEqual([true, true, true, true, true])
    expect(['audits', 'x', 'a', 'Audit', ''].map(wants)).toEqual([false, false, false, false, false])
  })
})

describe.each([
  ['PostgreSQL', (known: readonly Table[]) => new Numbering('app', known, undefined)],
  ['MySQL', (known: readonly Table[]) => new MysqlNumbering('app', known, undefined)],
])('tables of events of %s', (_, numbering) => {
  it('are one for each type, found again after a restart', () => {
    const route = new EventRoute(CARRIER, outboxOf(), numbering([]))
    const types = ['order', 'a.b', 'a"b', '🦆', 'é'.repeat(256), 'order']
    const tables = types.map(type => route.tableOf(row(type)))
    expect(tables.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 1])
    expect(tables.map(({ name }) => name).slice(0, 3)).toEqual([
      'app.outbox.order',
      'app.outbox."a.b"',
      'app.outbox."a""b"',
    ])
    expect(tables[0]).toMatchObject({ key: [], appendOnly: true, version: 1, columns: CARRIER.columns })
    const known = tables.slice(0, 5).map(one => decodeTable(encodeTable(one)))
    expect(known.every(isEventTable)).toBe(true)
    const again = new EventRoute(CARRIER, outboxOf(), numbering(known))
    expect(types.map(type => again.tableOf(row(type)).id)).toEqual([1, 2, 3, 4, 5, 1])
    expect(again.tableOf(row('new')).id).toBe(6)
    expect(again.tables.map(({ table }) => table)).toEqual([...types.slice(0, 5), 'new'])
  })

  it('take what has no name into one of their own', () => {
    const route = new EventRoute(CARRIER, outboxOf(), numbering([]))
    const untyped = [null, '', 'x'.repeat(513), Buffer.from([0xff])]
    expect(untyped.map(type => route.tableOf(row(type)).table)).toEqual(untyped.map(() => UNTYPED))
    expect(route.tableOf(row('x'.repeat(512))).table).toBe('x'.repeat(512))
  })

  it('have a version for each set of columns, and go back to one that was there', () => {
    const numbers = numbering([])
    const altered = { ...CARRIER, columns: [...CARRIER.columns, column('more')] }
    const [before, after] = [CARRIER, altered].map(carrier => new EventRoute(carrier, outboxOf(), numbers))
    const versions = [before!, after!, before!].map(route => route.tableOf(row('a')))
    expect(versions.map(({ id, incarnation, version }) => [id, incarnation, version])).toEqual([
      [1, 1, 1],
      [2, 1, 2],
      [1, 1, 1],
    ])
  })

  it('are a new incarnation where a captured table had the name before', () => {
    const captured = table('order', { schema: 'outbox', name: 'app.outbox.order', origin: '{}' })
    const route = new EventRoute(CARRIER, outboxOf(), numbering([captured]))
    expect(route.tableOf(row('order'))).toMatchObject({ id: captured.id + 1, incarnation: 2, version: 1 })
  })

  it('are not more than may be', () => {
    const route = new EventRoute(CARRIER, outboxOf({ outbox: { table: 'public.outbox', maxTypes: 2 } }), numbering([]))
    for (const type of ['a', 'b', 'a']) route.tableOf(row(type))
    expect(() => route.tableOf(row('c'))).toThrow(expect.objectContaining({ code: 'EVENT_TYPES', recovery: 'stop' }))
    expect(route.tableOf(row('b')).table).toBe('b')
  })

  it('of messages are one for each prefix', () => {
    const numbers = numbering([])
    expect(messageTable('a.b', numbers).name).toBe('app.message."a.b"')
    expect(messageTable('', numbers).name).toBe('app.message._untyped')
    expect(messageTable('a.b', numbers).id).toBe(1)
  })

  it('need the columns that they have', () => {
    const short = { ...CARRIER, columns: CARRIER.columns.slice(0, 3) }
    expect(() => new EventRoute(short, outboxOf(), numbering([]))).toThrow(/no column type, payload/)
  })
})

it('readers of a log are never given an outbox', () => {
  const found = [CARRIER, table('t')]
  expect(found.filter(tableFilter()).map(one => one.table)).toEqual(['t'])
  expect(found.filter(tableFilter([CARRIER.name, '*.*.t'])).map(one => one.table)).toEqual(['t'])
  expect(decodeTable(encodeTable(CARRIER)).routed).toBe(true)
})
