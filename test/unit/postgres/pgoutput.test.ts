import { beforeEach, describe, expect, it } from '@jest/globals'
import { rowPlan } from '../../../connectors/common/row-plan.ts'
import { Messages } from '../../../connectors/postgres/messages.ts'
import { type Resolve, Scanner } from '../../../connectors/postgres/pgoutput.ts'
import { formatLsn } from '../../../connectors/postgres/position.ts'
import { Numbering } from '../../../connectors/postgres/table-version.ts'
import type { ChangeView, Table } from '../../../runtime/contract.ts'
import { keyTexts } from '../../../runtime/record/key.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import * as pgoutput from '../../support/pgoutput.ts'
import { column, table } from '../../support/records.ts'

const { begin, commit, insert, message, relation, remove, truncate, update } = pgoutput

const notes = table('notes', { columns: [column('id'), column('body'), column('big')] })
const NOTES = 16_400
const NOTES_RELATION = relation(NOTES, 'notes', ['id', 'body', 'big'])
const NOTES_FULL = relation(NOTES, 'notes', ['id', 'body', 'big'], 'f')

const plain = (one: Table) => ({
  table: one,
  plan: rowPlan(
    one.columns.map(() => 'keep'),
    false,
    undefined,
  ),
  columns: one.columns.length,
})

/** `kind cells [before] [moved]`, absent cells as `?`. */
function tell(change: ChangeView): string {
  const { kind, table: one, moved } = change
  if (kind === 's' || kind === 't') return `${kind} ${one.table}`
  const cell = (text: string | null | undefined) => (text === undefined ? '?' : text === null ? 'null' : text)
  const parts = [kind, ...keyTexts(change.key)]
  if (kind !== 'd') parts.push(...one.columns.slice(1).map((_, i) => absentOr(change, i + 1)))
  if (change.hasBefore) parts.push(`was ${one.columns.map((_, i) => cell(change.before(i))).join(' ')}`)
  if (moved) parts.push(`${kind === 'd' ? 'to' : 'from'} ${keyTexts(moved)}`)
  return parts.join(' ')
}

function absentOr(change: ChangeView, i: number): string {
  return change.tag(i) === 0x75 ? '?' : (change.text(i) ?? 'null')
}

describe('the change stream', () => {
  let writer: BatchWriter
  let scanner: Scanner
  let ddl: bigint[]

  function open(resolve: Resolve = ({ oid }) => (oid === NOTES ? plain(notes) : undefined), from = 0n): void {
    writer = new BatchWriter([notes])
    ddl = []
    scanner = new Scanner({
      writer,
      resolve,
      from,
      xid: 700n,
      onDdl: () => ddl.push(scanner.position),
      messages: new Messages([], new Numbering('app', [], undefined)),
      onOutboxUpdate: () => {},
    })
  }
  beforeEach(() => open())

  function scan(...messages: Buffer[]): void {
    for (const message of messages) expect(scanner.scan(message, 0, message.length)).toBe(true)
  }

  function told(): string[] {
    const batch = writer.take({ lane: 'stream', position: formatLsn(scanner.position) })
    return Array.from(batch, tell)
  }

  it('becomes inserts, updates and deletes of one transaction, in order and with its number', () => {
    scan(begin(100n, 704), NOTES_RELATION, insert(NOTES, ['1', 'a', null]), update(NOTES, ['1', 'b', undefined]))
    scan(remove(NOTES, ['1', null, null]), commit(100n))
    const batch = writer.take({ lane: 'stream', position: formatLsn(scanner.position) })
    const seen = Array.from(batch, change => `${change.transaction} ${change.position} ${change.index} ${tell(change)}`)
    expect(seen).toEqual(['704 0/64 0 c 1 a null', '704 0/64 1 u 1 b ?', '704 0/64 2 d 1'])
    expect(scanner.position).toBe(148n)
  })

  it('tells of DDL at the end of its transaction, once, and of no other message', () => {
    scan(begin(100n), message('tailrace.ddl'), message('tailrace.ddl'), NOTES_RELATION, insert(NOTES, ['1', '', null]))
    expect(ddl).toEqual([])
    scan(commit(100n), begin(200n), message('tailrace.ddls'), message('tailrace.dd'), message('', 'tailrace.ddl'))
    scan(commit(200n), message('tailrace.ddl'), begin(300n), commit(300n), begin(400n), message('tailrace.ddl', 'x'))
    expect(ddl).toEqual([148n])
    scan(commit(400n))
    expect(ddl).toEqual([148n, 448n])
    open(undefined, 500n)
    scan(begin(450n), message('tailrace.ddl'), commit(450n))
    expect(ddl).toEqual([])
  })

  it('keeps an empty text, null and an unchanged value apart, and knows which rows are whole', () => {
    scan(begin(100n), NOTES_RELATION, insert(NOTES, ['1', '', null]), update(NOTES, ['1', '', undefined]), commit(100n))
    const batch = writer.take({ lane: 'stream', position: formatLsn(scanner.position) })
    expect(Array.from(batch, change => [tell(change), change.complete])).toEqual([
      ['c 1  null', true],
      ['u 1  ?', false],
    ])
  })

  it('turns a new key into the delete of the old one and the upsert of the new one, next to each other', () => {
    scan(begin(100n), NOTES_RELATION, update(NOTES, ['2', 'a', 'b'], { K: ['1', null, null] }), commit(100n))
    expect(told()).toEqual(['d 1 to 2', 'u 2 a b from 1'])
  })

  it('leaves a large value that was not sent with a new key absent', () => {
    scan(begin(100n), NOTES_RELATION, update(NOTES, ['2', 'a', undefined], { K: ['1', null, null] }), commit(100n))
    expect(told()).toEqual(['d 1 to 2', 'u 2 a ? from 1'])
  })

  it('fills unchanged values from the old row where the server sends it, and keeps that row', () => {
    scan(begin(100n), NOTES_FULL, update(NOTES, ['1', 'b', undefined], { O: ['1', 'a', 'large'] }))
    scan(update(NOTES, ['2', 'b', undefined], { O: ['1', 'b', 'large'] }))
    scan(remove(NOTES, ['2', 'b', 'large'], true), commit(100n))
    expect(told()).toEqual([
      'u 1 b large was 1 a large',
      'd 1 was 1 b large to 2',
      'u 2 b large from 1',
      'd 2 was 2 b large',
    ])
  })

  it('fills an unchanged key cell from the old key, and then it is no other row', () => {
    scan(begin(100n), NOTES_RELATION, update(NOTES, [undefined, 'b', 'c'], { K: ['1', null, null] }), commit(100n))
    expect(told()).toEqual(['u 1 b c'])
  })

  it('truncates all tables of one statement, and rows after it live', () => {
    const other = table('other', { id: 2 })
    open(({ oid }) => (oid === NOTES ? plain(notes) : oid === 5 ? plain(other) : undefined))
    writer.registry.set(2, other)
    scan(begin(100n), NOTES_RELATION, relation(5, 'other', ['id', 'body']), relation(9, 'foreign', ['id']))
    scan(truncate(NOTES, 5, 9), insert(NOTES, ['1', 'a', 'b']), commit(100n))
    expect(told()).toEqual(['t notes', 't other', 'c 1 a b'])
  })

  it('drops what lies before its beginning and nothing behind, back to back', () => {
    open(undefined, 148n)
    scan(begin(100n), NOTES_RELATION, insert(NOTES, ['1', 'a', 'b']), commit(100n, 148n))
    scan(begin(148n), insert(NOTES, ['2', 'a', 'b']), commit(148n, 196n))
    expect(told()).toEqual(['c 2 a b'])
  })

  it('leaves no trace of a transaction without changes of ours, but stands behind it', () => {
    scan(begin(100n), relation(9, 'foreign', ['id']), insert(9, ['1']), commit(100n, 148n))
    expect(writer.hasWhole).toBe(false)
    expect(scanner.position).toBe(148n)
  })

  it('moves on with idle log, but not inside a transaction', () => {
    scanner.passed(50n)
    expect(scanner.position).toBe(50n)
    scan(begin(100n))
    scanner.passed(99n)
    expect(scanner.position).toBe(50n)
  })

  it('waits for the catalog at a table version that nobody knows, and announces it before its first row', async () => {
    const next = table('notes', { id: 2, version: 2, columns: [...notes.columns, column('more')] })
    open(({ columns }) => (columns.length === 3 ? plain(notes) : Promise.resolve(plain(next))))
    scan(
      begin(100n),
      NOTES_RELATION,
      insert(NOTES, ['1', 'a', 'b']),
      relation(NOTES, 'notes', ['id', 'body', 'big', 'more']),
    )
    const row = insert(NOTES, ['2', 'a', 'b', 'c'])
    expect(scanner.scan(row, 0, row.length)).toBe(false)
    await scanner.pending
    scan(row, commit(100n))
    expect(told()).toEqual(['c 1 a b', 's notes', 'c 2 a b c'])
  })

  it('fails as the catalog does', async () => {
    open(() => Promise.reject(new Error('rewritten')))
    scan(begin(100n), NOTES_RELATION)
    const row = insert(NOTES, ['1', 'a', 'b'])
    expect(scanner.scan(row, 0, row.length)).toBe(false)
    await expect(scanner.pending).rejects.toThrow('rewritten')
  })

  it('applies exclude and mask to rows, old rows and keys before anything is stored', () => {
    const masked = table('notes', { columns: [column('id'), column('body')] })
    open(() => ({ table: masked, plan: rowPlan(['keep', 'redact', 'exclude'], false, undefined), columns: 3 }))
    scan(begin(100n), NOTES_FULL, insert(NOTES, ['1', 'secret', 'hidden']))
    scan(update(NOTES, ['2', 'secret', 'hidden'], { O: ['1', 'secret', 'hidden'] }))
    scan(remove(NOTES, ['2', 'secret', 'hidden'], true), commit(100n))
    const { bytes } = writer.take({ lane: 'stream', position: formatLsn(scanner.position) })
    expect(Buffer.from(bytes).toString('latin1')).not.toMatch(/secret|hidden/)
  })

  it('stops at an update of an append-only table', () => {
    open(() => plain(table('notes', { columns: notes.columns, key: [], appendOnly: true })))
    scan(begin(100n), NOTES_RELATION, insert(NOTES, ['1', 'a', 'b']))
    expect(() => scan(update(NOTES, ['1', 'a', 'c']))).toThrow(expect.objectContaining({ code: 'APPEND_ONLY_CHANGED' }))
  })

  it('stops at messages it does not know, and at rows that do not fit their table', () => {
    const protocol = expect.objectContaining({ code: 'SOURCE_PROTOCOL', recovery: 'stop' })
    expect(() => scan(Buffer.from('Z'))).toThrow(protocol)
    expect(() => scan(insert(NOTES, ['1', 'a', 'b']))).toThrow(protocol)
    scan(begin(100n))
    expect(() => scan(insert(77, ['1']))).toThrow(protocol)
    scan(NOTES_RELATION)
    expect(() => scan(insert(NOTES, ['1']))).toThrow(protocol)
    expect(() => scan(begin(200n))).toThrow(protocol)
  })
})
