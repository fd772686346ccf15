import { expect, it } from '@jest/globals'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { column, table, tuple } from '../../support/scripted-log.ts'
import { apply, follow, rowsIn } from '../../support/sink-driver.ts'
import { items, never, type SinkRig } from '../../support/sink-rig.ts'

/** What values, names and keys may be, and how tables change. */
export function valueCases(rig: SinkRig): void {
  it('takes a column that is added between two rows', async () => {
    const wider = table(2, 'public.items', [...items.columns, column('size', 'int64')], { version: 2 })
    rig.batches.push(
      rig.put('1', 'narrow', null),
      rig.log.batch(writer => {
        writer.announce(wider)
        writer.row('c', wider, tuple(['2', 'wide', null, '42']))
        writer.row('u', wider, tuple(['1', 'narrow', null, '7']))
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.expectEqual(sink, wider)
  })

  it('starts a re-created table empty', async () => {
    const reborn = table(2, 'public.items', items.columns.slice(0, 2), { incarnation: 2 })
    const sink = await rig.openSink()
    rig.batches.push(rig.put('1', 'former life', null))
    await follow(sink, rig.batches)
    const later = rig.log.batch(writer => {
      writer.announce(reborn)
      writer.row('c', reborn, tuple(['2', 'new life']))
    })
    await apply(sink, later)
    expect([...(await rowsIn(sink, reborn)).values()].map(row => row.name)).toEqual(['new life'])
  })

  it('starts a re-created table empty also where rows of the one before come in the same batch', async () => {
    const reborn = table(2, 'public.items', [column('size', 'int64'), column('id', 'int64'), column('name', 'text')], {
      incarnation: 2,
    })
    const sink = await rig.openSink()
    rig.batches.push(rig.put('1', 'former life', null))
    await follow(sink, rig.batches)
    const later = rig.log.batch(writer => {
      writer.row('c', items, tuple(['2', 'its last row', null]))
      writer.announce(reborn)
      writer.row('c', reborn, tuple(['7', '1', 'new life']))
    })
    await apply(sink, later)
    expect([...(await rowsIn(sink, reborn)).values()].map(row => row.name)).toEqual(['new life'])
  })

  it('leaves a column alone that a change does not carry', async () => {
    rig.batches.push(
      rig.put('1', 'name', 'a long note'),
      rig.put('1', 'renamed', undefined),
      rig.put('2', undefined, 'only a note'),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    const [first, second] = await sink.get!(items, [keyFromTexts(['1']), keyFromTexts(['2'])], never)
    expect(first?.cells.get('name')).toBe('renamed')
    expect(first?.cells.get('note')).toBe('a long note')
    expect(second?.cells.get('note')).toBe('only a note')
    expect(second?.cells.get('name') ?? null).toBeNull()
  })

  it('keeps every value as the database printed it', async () => {
    const types = table(9, 'public.types', [
      column('id', 'int64'),
      column('big', 'int64'),
      column('unsigned', { kind: 'uint64' }),
      column('double', { kind: 'float64' }),
      column('single', { kind: 'float32' }),
      column('amount', { kind: 'decimal' }, 'numeric'),
      column('truth', { kind: 'boolean' }),
      column('words', 'text'),
      column('blob', { kind: 'bytes' }, 'bytea'),
      column('json', { kind: 'json' }, 'jsonb'),
      column('day', { kind: 'date' }),
      column('moment', { kind: 'timestamptz' }),
      column('list', { kind: 'array', element: { kind: 'text' } }, 'text[]'),
    ])
    const rows = [
      [
        '9223372036854775807',
        '18446744073709551615',
        '-0',
        '1e+20',
        `${'7'.repeat(999)}.5`,
        't',
        '',
        '\\x',
        '{"a": 1.0, "a": 2}',
        '0044-03-15 BC',
        '2024-02-29 23:59:59.999999+00',
        '{a,"b c",NULL,"NULL"}',
      ],
      [
        '-9223372036854775808',
        '9223372036854775808',
        'NaN',
        'Infinity',
        'NaN',
        'f',
        '\u{feff}begins with a mark',
        '\\x00ff00',
        'null',
        'infinity',
        '0001-01-01 00:00:00+00 BC',
        '{}',
      ],
      [
        '0',
        '0',
        '0.1',
        '-Infinity',
        '1.10',
        null,
        '🌊 "quoted"\n\t\\ \u2028 end',
        '\\xdeadbeef',
        '[]',
        '294276-12-31',
        '-infinity',
        '{{1,2},{3,4}}',
      ],
      [
        '9007199254740993',
        '9007199254740993',
        '0.30000000000000004',
        '3.4028235e+38',
        '0.000',
        't',
        null,
        null,
        null,
        null,
        null,
        null,
      ],
      [
        '1',
        '1',
        '5e-324',
        '1.17549435e-38',
        '-0.5',
        't',
        'a\u0000b',
        '\\x61',
        '"text"',
        '2024-02-29',
        '2024-02-29 12:00:00.5+05:30',
        '[0:1]={1,2}',
      ],
      ['1', '1', '1e+15', '1e+06', '1e5', 't', '\\x61', '\\x61', '1', '9999-12-31', 'infinity', '{"\\"\\\\"}'],
      [
        '1',
        '1',
        '123456789012345680',
        '0.0001',
        '1',
        't',
        'null',
        '\\x61',
        '1',
        '0001-01-01',
        '1900-01-01 00:00:00+00',
        '{null_}',
      ],
    ]
    rig.batches.push(
      rig.log.batch(writer => {
        writer.announce(types)
        rows.forEach((cells, i) => {
          writer.row('c', types, tuple([`${i}`, ...cells]))
        })
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.expectEqual(sink, types)
    await rig.expectEqual(await rig.reopen(), types)
  })

  it('keeps what a mask left, whatever the type of the column', async () => {
    const hash = '1e40'.repeat(16)
    const masked = (['int64', 'boolean', 'bytes', 'date', 'float64', 'uint64', 'json'] as const).map(kind => ({
      ...column(kind, { kind }),
      masked: true,
    }))
    const people = table(8, 'public.people', masked)
    rig.batches.push(
      rig.log.batch(writer => {
        writer.announce(people)
        writer.row('c', people, tuple([hash, ...masked.slice(1).map(() => '***')]))
        writer.row('c', people, tuple(['12', ...masked.slice(1).map(() => null)]))
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.expectEqual(sink, people)
  })

  it('takes hostile names of columns and tables', async () => {
    const names = [
      'id',
      '__proto__',
      'constructor',
      '10',
      '2',
      'a"b',
      "a'b",
      'a\nb',
      'Id',
      'rowid',
      'select',
      'é€🌊',
      'x'.repeat(63),
      ' ',
      '?1',
      '$a',
      'a.b',
      '%s',
      '_deleted',
    ]
    const hostile = [
      'public."x',
      'a b.c d',
      'public.sqlite_x',
      'public.',
      'public.Ünïcode',
      `public.${'long'.repeat(15)}`,
    ]
    const tables = hostile.map((name, i) =>
      table(
        10 + i,
        name,
        names.map((n, k) => column(n, k === 0 ? 'int64' : 'text')),
      ),
    )
    rig.batches.push(
      rig.log.batch(writer => {
        for (const each of tables) {
          writer.announce(each)
          for (let i = 0; i < 3; i++) writer.row('c', each, tuple(names.map((n, k) => (k === 0 ? `${i}` : `${n}${i}`))))
        }
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    for (const each of tables) await rig.expectEqual(sink, each)
  })

  it('keeps keys apart that join to the same text', async () => {
    const pairs = table(3, 'public.pairs', [column('a', 'text'), column('b', 'text'), column('v', 'text')], {
      key: [1, 0],
    })
    const keys = [
      ['a', 'b|c'],
      ['a|b', 'c'],
      ['', 'x'],
      ['x', ''],
      ['"', '","'],
      ['1', '1'],
      ['A', 'b'],
      ['a', 'B'],
    ]
    rig.batches.push(
      rig.log.batch(writer => {
        writer.announce(pairs)
        for (const [a, b] of keys) writer.row('c', pairs, tuple([a!, b!, `${a}/${b}`]))
        writer.delete(pairs, tuple(['a', 'b|c', undefined]), false)
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    expect((await rowsIn(sink, pairs)).size).toBe(keys.length - 1)
    await rig.expectEqual(sink, pairs)
  })

  it('appends the rows of a table without a key once each, also when they come again', async () => {
    const events = table(4, 'public.events', [column('what', 'text')], { key: [], appendOnly: true })
    const batch = rig.log.batch(writer => {
      writer.announce(events)
      for (const what of ['same', 'same', 'other']) writer.row('c', events, tuple([what]))
    })
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await apply(sink, batch)
    const moreBatches = [rig.put('1', 'between', null), batch]
    for (const each of moreBatches) await apply(sink, each)
    const rows = [...(await rowsIn(sink, events)).values()].map(row => row.what)
    expect(rows.sort()).toEqual(['other', 'same', 'same'])
  })
}
