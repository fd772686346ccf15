import { expect, it } from '@jest/globals'
import type { LogicalType, Sink, SinkRow, Table } from '../../../runtime/contract.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { column, ScriptedLog, table, tuple } from '../../support/scripted-log.ts'
import { apply, follow, rowsIn } from '../../support/sink-driver.ts'
import { items, never, type SinkRig, sinkContext } from '../../support/sink-rig.ts'
import { entriesOf } from '../../support/types/entries.ts'
import { writeAccepted } from '../../support/types/fill-sink.ts'
import { ALL, NEWEST, typedLog } from '../../support/types/page.ts'

const list = (element: LogicalType): LogicalType => ({ kind: 'array', element })

/** Values that are different, and easily taken for one. */
const PAIRS: readonly [LogicalType | 'int64' | 'text', string | Uint8Array, string | Uint8Array][] = [
  ['text', 'a', 'a '],
  ['text', '', ' '],
  ['text', 'A', 'a'],
  ['text', 'é', 'e\u0301'],
  ['text', 'a', '\ufeffa'],
  ['text', '0', '00'],
  ['text', Buffer.from([0xff]), Buffer.from([0xfe])],
  ['int64', '9007199254740993', '9007199254740992'],
  [{ kind: 'uint64' }, '18446744073709551615', '18446744073709551614'],
  [{ kind: 'decimal' }, '1.50', '1.5'],
  [{ kind: 'decimal' }, `${'9'.repeat(100)}.1`, `${'9'.repeat(100)}.2`],
  [{ kind: 'decimal', precision: 38, scale: 10 }, '-0.0000000001', '-0.0000000002'],
  [{ kind: 'float64' }, 'Infinity', '-Infinity'],
  [{ kind: 'float64' }, '0.1', '0.10000000000000002'],
  [{ kind: 'float64' }, '9.999999999999999e+22', '1.0000000000000001e+23'],
  [{ kind: 'float32' }, '3.3554432e+07', '3.3554436e+07'],
  [{ kind: 'boolean' }, 't', 'f'],
  [{ kind: 'bytes' }, '\\x', '\\x00'],
  [{ kind: 'date' }, '0044-03-15 BC', '0044-03-15'],
  [{ kind: 'date' }, 'infinity', '-infinity'],
  [{ kind: 'timestamp' }, '2024-02-29 23:59:59.999999', '2024-02-29 23:59:59.999998'],
  [{ kind: 'timestamptz' }, '0044-03-15 00:00:00+00 BC', '0044-03-15 00:00:00+00'],
  [{ kind: 'timetz' }, '12:00:00+00', '12:00:00-00:00:15'],
  [list({ kind: 'text' }), '{NULL}', '{"NULL"}'],
  [list({ kind: 'text' }), '{}', '{""}'],
]
/** The same of types that make no keys. */
const NO_KEYS: typeof PAIRS = [
  [{ kind: 'float64' }, '-0', '0'],
  [{ kind: 'json' }, '{"a":1}', '{"a": 1}'],
  [{ kind: 'json' }, '1.0', '1'],
  [{ kind: 'interval' }, 'P1D', 'PT24H'],
]

const HOSTILE = [
  ...['', ' ', 'a', 'A', 'a ', 'null', 'NULL', '%', '%x61', '%25x61', '\\x61', 'a|b', 'a%7Cb', ':', '*', '[a]', '?'],
  ...['"', "'", '\\', 'a\nb', '\t', '\u0001', '\u0085', '\u{feff}', 'é', 'e\u0301', '🌊', '__proto__', '{"a":1}', ']'],
  'long'.repeat(60),
]

/** Reading back by key and by walking, as `tailrace verify` does. */
export function readCases(rig: SinkRig): void {
  const walked = async (sink: Sink, of: Table): Promise<Map<string, SinkRow>> => {
    const rows = new Map<string, SinkRow>()
    for await (const page of sink.rows!(of, never)) for (const row of page) rows.set(hex(row.key), row)
    return rows
  }
  /** `get` and `rows` say the same of these keys, and there are no others. */
  const read = async (
    sink: Sink,
    of: Table,
    keys: readonly Uint8Array[],
  ): Promise<readonly (SinkRow | undefined)[]> => {
    const found = await sink.get!(of, keys, never)
    const rows = await walked(sink, of)
    expect(found.length).toBe(keys.length)
    found.forEach((row, i) => {
      expect(row === undefined ? undefined : hex(row.key)).toBe(row === undefined ? undefined : hex(keys[i]!))
      expect(rows.get(hex(keys[i]!))?.cells).toEqual(row?.cells)
    })
    expect(rows.size).toBe(new Set(found.filter(row => row !== undefined).map(row => hex(row.key))).size)
    return found
  }

  it('answers every value of every type as the log has it', async () => {
    const { id, batches } = typedLog(ALL)
    const entries = entriesOf(ALL, NEWEST)
    const sink = await rig.openSink('app', id)
    const { bent, refuses } = rig.place
    let of: Table | undefined
    for (const batch of batches) {
      await writeAccepted(sink, batch)
      for (const change of batch) of = change.table
    }
    const found = await read(
      sink,
      of!,
      entries.map((_, row) => keyFromTexts([String(row)])),
    )
    const shown = rig.place.shown(of!)
    expect(found.includes(undefined)).toBe(refuses === true)
    entries.forEach(({ of: type, column, value }, i) => {
      const cells = found[i]?.cells
      if (cells === undefined) return
      const expected = bent?.[value.text] ?? value.text
      expect([type.type, cells.get(`c${column}`)]).toEqual([type.type, expected])
      expect(shown[column + 1]?.(value.text) ?? value.text).toBe(expected)
      expect([...cells.values()].filter(text => text !== null)).toEqual([String(i), expected])
    })
  })

  it('tells apart what differs in a digit, a blank, a sign, an era, or by being NULL', async () => {
    const pairs = [...PAIRS, ...NO_KEYS]
    const of = table(5, 'public.near', [column('id', 'int64'), ...pairs.map(([type], i) => column(`c${i}`, type))])
    const sides = [pairs.map(([, a]) => a), pairs.map(([, , b]) => b), pairs.map(() => null)]
    rig.batches.push(
      rig.log.batch(writer => {
        writer.announce(of)
        for (const [i, side] of sides.entries()) writer.row('c', of, tuple([String(i), ...side]))
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.expectEqual(sink, of)
    const keys = sides.map((_, i) => keyFromTexts([String(i)]))
    const [a, b, nulls] = await read(sink, of, keys)
    const shown = rig.place.shown(of)
    pairs.forEach(([type], i) => {
      const texts = [a, b].map(row => row!.cells.get(`c${i}`))
      expect([type, texts[0]]).not.toEqual([type, texts[1]])
      expect(texts.map(text => shown[i + 1]?.(text!) ?? text)).toEqual(texts)
      expect(nulls!.cells.get(`c${i}`)).toBeNull()
    })
  })

  it('finds rows by keys of any text, alone and beside others', async () => {
    const alone = table(6, 'public.alone', [column('key', 'text'), column('value', 'text')])
    const parts = [column('value', 'text'), column('second', 'text'), column('first', 'text')]
    const both = table(7, 'public.both', parts, { key: [2, 1] })
    rig.batches.push(
      rig.log.batch(writer => {
        writer.announce(alone)
        writer.announce(both)
        for (const [i, key] of HOSTILE.entries()) {
          writer.row('c', alone, tuple([key, `${i}`]))
          writer.row('c', both, tuple([`${i}`, HOSTILE.at(i - 1)!, key]))
        }
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    const values = (rows: readonly (SinkRow | undefined)[]): unknown[] => rows.map(row => row?.cells.get('value'))
    const numbers = HOSTILE.map((_, i) => `${i}`)
    const keys = HOSTILE.map(key => keyFromTexts([key]))
    expect(values(await read(sink, alone, keys))).toEqual(numbers)
    expect(values(await read(sink, alone, keys.toReversed()))).toEqual(numbers.toReversed())
    const pairs = HOSTILE.map((key, i) => keyFromTexts([key, HOSTILE.at(i - 1)!]))
    expect(values(await read(sink, both, pairs))).toEqual(numbers)
    const crossed = HOSTILE.map((key, i) => keyFromTexts([HOSTILE.at(i - 1)!, key]))
    expect(values(await sink.get!(both, crossed, never))).toEqual(numbers.map(() => undefined))
  })

  it('finds rows by keys of any type', async () => {
    const typed = PAIRS.filter(([, value]) => typeof value === 'string')
    for (const [i, [type, a, b]] of typed.entries()) {
      const of = table(20 + i, `public.key_${i}`, [column('key', type), column('value', 'text')])
      const batch = rig.log.batch(writer => {
        writer.announce(of)
        writer.row('c', of, tuple([a, 'a']))
        writer.row('c', of, tuple([b, 'b']))
      })
      rig.batches.push(batch)
    }
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    for (const [i, [type, a, b]] of typed.entries()) {
      const of = table(20 + i, `public.key_${i}`, [column('key', type), column('value', 'text')])
      const rows = await read(
        sink,
        of,
        [a, b].map(value => encodeCells([value])),
      )
      expect([type, ...rows.map(row => row?.cells.get('value'))]).toEqual([type, 'a', 'b'])
    }
  })

  it('answers 10,000 keys in one call in their order, also those that it lacks and those asked for twice', async () => {
    rig.batches.push(
      rig.log.batch(writer => {
        for (let i = 0; i < 10_000; i += 2) writer.row('r', items, tuple([`${i}`, `name ${i}`, null]))
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    const ids = Array.from({ length: 10_000 }, (_, i) => (i * 7919) % 9000)
    const keys = ids.map(id => keyFromTexts([`${id}`]))
    const found = await sink.get!(items, keys, never)
    expect(found.map(row => row?.cells.get('name'))).toEqual(ids.map(id => (id % 2 === 0 ? `name ${id}` : undefined)))
    expect(await sink.get!(items, [], never)).toEqual([])
  })

  it('shows no row that was deleted, marked, or truncated', async () => {
    const [one, two] = ['1', '2'].map(id => keyFromTexts([id])) as [Uint8Array, Uint8Array]
    const batches = [...rig.batches, rig.put('1', 'gone', null), rig.put('2', 'stays', null)]
    batches.push(rig.log.batch(writer => writer.delete(items, tuple(['1', undefined, undefined]), false)))
    const truncate = rig.log.batch(writer => writer.truncate(items))
    for (const onDelete of ['delete', 'mark', 'ignore'] as const) {
      await rig.target[Symbol.asyncDispose]()
      await rig.place.empty()
      rig.target = await rig.place.open(sinkContext({ onDelete }))
      const sink = await rig.openSink()
      await follow(sink, batches)
      const [first, second] = await read(sink, items, [one, two])
      expect([first?.cells.get('name'), second?.cells.get('name')]).toEqual([
        onDelete === 'ignore' ? 'gone' : undefined,
        'stays',
      ])
      await apply(sink, truncate)
      expect(await read(sink, items, [one, two])).toEqual([undefined, undefined])
    }
  })

  it('shows of two sources each its own', async () => {
    const others = table(1, 'public.items', items.columns, { source: 'other' })
    const log = new ScriptedLog('0e7a')
    const [sink, other] = [await rig.openSink(), await rig.openSink('other', log.id)]
    await follow(sink, [...rig.batches, rig.put('1', 'app', null)])
    await follow(other, [
      log.batch(writer => {
        writer.announce(others)
        writer.row('c', others, tuple(['1', 'other', null]))
      }),
    ])
    const key = keyFromTexts(['1'])
    expect((await read(sink, items, [key]))[0]?.cells.get('name')).toBe('app')
    expect((await read(other, others, [key]))[0]?.cells.get('name')).toBe('other')
  })

  it('has no rows of a table that it does not hold, or of another life of it, and no values of columns it lacks', async () => {
    const sink = await rig.openSink()
    await follow(sink, [...rig.batches, rig.put('1', 'one', null)])
    const key = keyFromTexts(['1'])
    const unknown = table(3, 'public.unknown', items.columns)
    const reborn = table(4, 'public.items', items.columns, { incarnation: 2 })
    for (const other of [unknown, reborn]) expect(await read(sink, other, [key])).toEqual([undefined])
    const wider = table(5, 'public.items', [...items.columns, column('size', 'int64')], { version: 2 })
    const [row] = await read(sink, wider, [key])
    expect(row?.cells.get('name')).toBe('one')
    expect(row?.cells.get('size') ?? null).toBeNull()
    // Asking made nothing: a table of that name may come as it likes.
    const narrow = table(6, 'public.unknown', [column('id', 'text')])
    await apply(
      sink,
      rig.log.batch(writer => {
        writer.announce(narrow)
        writer.row('c', narrow, tuple(['x']))
      }),
    )
    expect((await read(sink, narrow, [keyFromTexts(['x'])]))[0]?.cells).toEqual(new Map([['id', 'x']]))
  })

  it('finds the rows of a table without a key by log and version', async () => {
    const events = table(4, 'public.events', [column('what', 'text')], { key: [], appendOnly: true })
    const sink = await rig.openSink()
    rig.batches.push(
      rig.log.batch(writer => {
        writer.announce(events)
        for (const what of ['same', 'same', 'other']) writer.row('c', events, tuple([what]))
      }),
    )
    await follow(sink, rig.batches)
    const rows = await walked(sink, events)
    const keys = [...rows.values()].map(row => row.key)
    const found = await read(sink, events, keys)
    expect(found.map(row => row?.cells.get('what')).sort()).toEqual(['other', 'same', 'same'])
    expect(await rowsIn(sink, events)).toHaveProperty('size', 3)
  })
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex')
}
