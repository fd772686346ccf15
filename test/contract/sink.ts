import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import type { LogBatch, Sink, SinkContext, Target } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { column, expectedRows, ScriptedLog, table, tuple } from '../support/scripted-log.ts'
import { apply, cursorOf, follow, rowsIn } from '../support/sink-driver.ts'
import { killScript } from '../support/sink-kill-script.ts'

/** A target of its own for one test. */
export interface SinkPlace extends AsyncDisposable {
  open(context: SinkContext): Promise<Target>
  /** As if someone had wiped the target while nothing ran. */
  empty(): Promise<void>
  /** Answers a function that puts the present state back later. */
  backup(): Promise<() => Promise<void>>
  /** What a child process needs to open the same place: type and options. */
  readonly child: { readonly type: string; readonly options: unknown }
}

const never = new AbortController().signal
export const sinkContext = (rest: Partial<SinkContext> = {}): SinkContext => ({
  pipeline: 'shop',
  name: 'copy',
  logger: pino({ level: 'silent' }),
  sources: ['app', 'other'],
  onDelete: 'delete',
  ...rest,
})

const items = table(1, 'public.items', [column('id', 'int64'), column('name', 'text'), column('note', 'text')])

/** What every sink that keeps the current rows promises, whatever it writes to. */
export function sinkContract(name: string, makePlace: () => Promise<SinkPlace>): void {
  describe(`${name} as a sink`, () => {
    let place: SinkPlace
    let target: Target
    let log: ScriptedLog
    let batches: LogBatch[]

    beforeEach(async () => {
      place = await makePlace()
      target = await place.open(sinkContext())
      log = new ScriptedLog('5c21')
      batches = [log.batch(writer => writer.announce(items))]
    })
    afterEach(async () => {
      await target[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    })

    const openSink = (source = 'app', logId = '5c21'): Promise<Sink> => target.sink({ name: source, logId }, never)
    const reopen = async (): Promise<Sink> => {
      await target[Symbol.asyncDispose]()
      target = await place.open(sinkContext())
      return openSink()
    }
    const put = (id: string, ...rest: (string | null | undefined)[]) =>
      log.batch(writer => writer.row('u', items, tuple([id, ...rest])))
    const expectEqual = async (sink: Sink, of = items): Promise<void> => {
      const shown = await rowsIn(sink, of)
      const expected = expectedRows(batches, of.name)
      expect(new Set(shown.keys())).toEqual(new Set(expected.keys()))
      for (const [key, row] of expected) expect(Object.entries(shown.get(key)!)).toEqual(Object.entries(row))
    }

    it('has no cursor before the first batch, then the last one', async () => {
      const sink = await openSink()
      expect(await cursorOf(sink)).toBeUndefined()
      await follow(sink, batches)
      expect(await cursorOf(sink)).toBe(batches.at(-1)!.cursor)
    })

    it('shows inserts, updates and deletes', async () => {
      batches.push(
        log.batch(writer => {
          for (let i = 1; i <= 5; i++) writer.row('c', items, tuple([`${i}`, `n${i}`, null]))
        }),
        log.batch(writer => {
          writer.row('u', items, tuple(['2', 'second', 'note']))
          writer.delete(items, tuple(['3', undefined, undefined]), false)
        }),
      )
      const sink = await openSink()
      await follow(sink, batches)
      await expectEqual(sink)
      const keys = ['2', '3', '99'].map(id => keyFromTexts([id]))
      const [second, third, missing] = await sink.get!(items, keys, never)
      expect(second?.cells.get('name')).toBe('second')
      expect(third).toBeUndefined()
      expect(missing).toBeUndefined()
    })

    it('converges when a batch comes twice', async () => {
      batches.push(
        log.batch(writer => {
          writer.row('c', items, tuple(['1', 'a', null]))
          writer.row('c', items, tuple(['2', 'b', null]))
          writer.delete(items, tuple(['1', undefined, undefined]), false)
        }),
      )
      const sink = await openSink()
      await follow(sink, batches)
      await apply(sink, batches[1]!)
      await apply(sink, batches[1]!)
      await expectEqual(sink)
    })

    it('takes the delete of a key it does not have', async () => {
      batches.push(
        log.batch(writer => writer.delete(items, tuple(['7', undefined, undefined]), false)),
        put('8', 'x', ''),
      )
      const sink = await openSink()
      await follow(sink, batches)
      await expectEqual(sink)
    })

    it('takes a key that is deleted and created again in one batch', async () => {
      batches.push(
        put('1', 'old', 'old note'),
        log.batch(writer => {
          writer.delete(items, tuple(['1', undefined, undefined]), false)
          writer.row('c', items, tuple(['1', 'new', null]))
        }),
      )
      const sink = await openSink()
      await follow(sink, batches)
      await expectEqual(sink)
    })

    it('follows a chain of moved keys', async () => {
      const rows = 20
      batches.push(
        log.batch(writer => {
          for (let i = 1; i <= rows; i++) writer.row('c', items, tuple([`${i}`, `row ${i}`, null]))
        }),
        log.batch(writer => {
          for (let i = rows; i >= 1; i--) {
            const [from, to] = [keyFromTexts([`${i}`]), keyFromTexts([`${i + 1}`])]
            writer.delete(items, tuple([`${i}`, undefined, undefined]), false, to)
            writer.row('u', items, tuple([`${i + 1}`, `row ${i}`, null]), undefined, from)
          }
        }),
      )
      const sink = await openSink()
      await follow(sink, batches)
      expect((await rowsIn(sink, items)).size).toBe(rows)
      await expectEqual(sink)
    })

    it('keeps tables and sources apart', async () => {
      const parts = table(2, 'public.parts', [column('a', 'text'), column('b', 'text')], { key: [0, 1] })
      batches.push(
        log.batch(writer => {
          writer.announce(parts)
          for (let i = 0; i < 50; i++) {
            writer.row('c', items, tuple([`${i}`, 'i', null]))
            writer.row('c', parts, tuple([`${i}:`, `:${i}`]))
            writer.row('c', parts, tuple([`${i}`, `::${i}`]))
          }
        }),
      )
      const otherLog = new ScriptedLog('0e7a')
      const others = table(1, 'elsewhere.items', items.columns, { source: 'other' })
      const otherBatches = [
        otherLog.batch(writer => {
          writer.announce(others)
          writer.row('c', others, tuple(['1', 'other', null]))
        }),
      ]
      const sink = await openSink()
      const other = await openSink('other', '0e7a')
      await Promise.all([follow(sink, batches), follow(other, otherBatches)])
      await expectEqual(sink)
      await expectEqual(sink, parts)
      expect(await rowsIn(other, others)).toEqual(expectedRows(otherBatches, others.name))
      expect(await cursorOf(sink)).toBe(batches.at(-1)!.cursor)
      expect(await cursorOf(other)).toBe(otherBatches.at(-1)!.cursor)
    })

    it('takes 10,000 rows in one batch', async () => {
      batches.push(
        log.batch(writer => {
          for (let i = 0; i < 10_000; i++)
            writer.row('r', items, tuple([`${i}`, `name ${i}`, i % 3 === 0 ? null : 'n']))
        }),
      )
      const sink = await openSink()
      await follow(sink, batches)
      await expectEqual(sink)
    })

    it('leaves out the changes it is told to skip', async () => {
      const batch = log.batch(writer => {
        writer.row('c', items, tuple(['1', 'skipped', null]))
        writer.row('u', items, tuple(['1', 'kept', null]))
        writer.row('c', items, tuple(['2', 'skipped', null]))
      })
      const sink = await openSink()
      await follow(sink, batches)
      await sink.write(batch, never, new Set([0, 2]))
      const rows = await rowsIn(sink, items)
      expect([...rows.values()].map(row => row.name)).toEqual(['kept'])
    })

    it('takes the same batch again after it was aborted', async () => {
      batches.push(
        log.batch(writer => {
          for (let i = 0; i < 5000; i++) writer.row('r', items, tuple([`${i}`, `name ${i}`, null]))
        }),
      )
      const sink = await openSink()
      await follow(sink, batches.slice(0, 1))
      const abort = new AbortController()
      const reason = new Error('stopped by the test')
      const aborted = sink.write(batches[1]!, abort.signal)
      abort.abort(reason)
      // A sink that was already done may say so; one that was not must reject with the reason.
      await aborted.catch(error => expect(error).toBe(reason))
      const again = await reopen()
      await follow(again, batches)
      await expectEqual(again)
    })

    it('empties a table, and only that one', async () => {
      const parts = table(2, 'public.parts', items.columns)
      batches.push(
        log.batch(writer => {
          writer.announce(parts)
          writer.row('c', items, tuple(['1', 'gone', null]))
          writer.row('c', parts, tuple(['1', 'stays', null]))
        }),
        log.batch(writer => writer.truncate(items)),
        put('2', 'later', null),
      )
      const sink = await openSink()
      await follow(sink, batches)
      await expectEqual(sink)
      await expectEqual(sink, parts)
    })

    it('takes a column that is added between two rows', async () => {
      const wider = table(2, 'public.items', [...items.columns, column('size', 'int64')], { version: 2 })
      batches.push(
        put('1', 'narrow', null),
        log.batch(writer => {
          writer.announce(wider)
          writer.row('c', wider, tuple(['2', 'wide', null, '42']))
          writer.row('u', wider, tuple(['1', 'narrow', null, '7']))
        }),
      )
      const sink = await openSink()
      await follow(sink, batches)
      await expectEqual(sink, wider)
    })

    it('starts a re-created table empty', async () => {
      const reborn = table(2, 'public.items', items.columns.slice(0, 2), { incarnation: 2 })
      const sink = await openSink()
      batches.push(put('1', 'former life', null))
      await follow(sink, batches)
      const later = log.batch(writer => {
        writer.announce(reborn)
        writer.row('c', reborn, tuple(['2', 'new life']))
      })
      await apply(sink, later)
      expect([...(await rowsIn(sink, reborn)).values()].map(row => row.name)).toEqual(['new life'])
    })

    it('leaves a column alone that a change does not carry', async () => {
      batches.push(put('1', 'name', 'a long note'), put('1', 'renamed', undefined), put('2', undefined, 'only a note'))
      const sink = await openSink()
      await follow(sink, batches)
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
      batches.push(
        log.batch(writer => {
          writer.announce(types)
          rows.forEach((cells, i) => {
            writer.row('c', types, tuple([`${i}`, ...cells]))
          })
        }),
      )
      const sink = await openSink()
      await follow(sink, batches)
      await expectEqual(sink, types)
      await expectEqual(await reopen(), types)
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
      batches.push(
        log.batch(writer => {
          for (const each of tables) {
            writer.announce(each)
            for (let i = 0; i < 3; i++)
              writer.row('c', each, tuple(names.map((n, k) => (k === 0 ? `${i}` : `${n}${i}`))))
          }
        }),
      )
      const sink = await openSink()
      await follow(sink, batches)
      for (const each of tables) await expectEqual(sink, each)
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
      batches.push(
        log.batch(writer => {
          writer.announce(pairs)
          for (const [a, b] of keys) writer.row('c', pairs, tuple([a!, b!, `${a}/${b}`]))
          writer.delete(pairs, tuple(['a', 'b|c', undefined]), false)
        }),
      )
      const sink = await openSink()
      await follow(sink, batches)
      expect((await rowsIn(sink, pairs)).size).toBe(keys.length - 1)
      await expectEqual(sink, pairs)
    })

    it('appends the rows of a table without a key once each, also when they come again', async () => {
      const events = table(4, 'public.events', [column('what', 'text')], { key: [], appendOnly: true })
      const batch = log.batch(writer => {
        writer.announce(events)
        for (const what of ['same', 'same', 'other']) writer.row('c', events, tuple([what]))
      })
      const sink = await openSink()
      await follow(sink, batches)
      await apply(sink, batch)
      const moreBatches = [put('1', 'between', null), batch]
      for (const each of moreBatches) await apply(sink, each)
      const rows = [...(await rowsIn(sink, events)).values()].map(row => row.what)
      expect(rows.sort()).toEqual(['other', 'same', 'same'])
    })

    it('goes on from its cursor when it is opened again', async () => {
      batches.push(put('1', 'one', null), put('2', 'two', null))
      const sink = await openSink()
      await follow(sink, batches)
      const again = await reopen()
      expect(await cursorOf(again)).toBe(batches.at(-1)!.cursor)
      batches.push(put('1', 'changed', null))
      await follow(again, batches)
      await expectEqual(again)
    })

    it('stores the cursor of batches without changes before it closes', async () => {
      const sink = await openSink()
      await follow(sink, batches)
      const empty = Array.from({ length: 5 }, () => log.batch(() => {}))
      for (const batch of empty) await apply(sink, batch)
      expect(await cursorOf(sink)).toBe(empty.at(-1)!.cursor)
      expect(await cursorOf(await reopen())).toBe(empty.at(-1)!.cursor)
    })

    it('has no cursor once its target was emptied while it was stopped', async () => {
      batches.push(put('1', 'one', null))
      await follow(await openSink(), batches)
      await target[Symbol.asyncDispose]()
      await place.empty()
      target = await place.open(sinkContext())
      const again = await openSink()
      expect(await cursorOf(again)).toBeUndefined()
      await follow(again, batches)
      await expectEqual(again)
    })

    it('goes on from the cursor of an older copy that was put back', async () => {
      batches.push(put('1', 'one', null))
      await follow(await openSink(), batches)
      const old = batches.at(-1)!.cursor
      await target[Symbol.asyncDispose]()
      const restore = await place.backup()
      target = await place.open(sinkContext())
      batches.push(put('2', 'two', null), put('1', 'changed', null))
      await follow(await openSink(), batches)
      await target[Symbol.asyncDispose]()
      await restore()
      target = await place.open(sinkContext())
      const restored = await openSink()
      expect(await cursorOf(restored)).toBe(old)
      await follow(restored, batches)
      await expectEqual(restored)
    })

    it('forgets its rows when the log is another one', async () => {
      batches.push(put('1', 'of the first log', null))
      await follow(await openSink(), batches)
      await target[Symbol.asyncDispose]()
      target = await place.open(sinkContext())
      const again = await openSink('app', 'beef')
      expect(await cursorOf(again)).toBeUndefined()
      const newLog = new ScriptedLog('beef')
      const others = table(2, 'public.others', items.columns)
      await follow(again, [
        newLog.batch(writer => {
          writer.announce(others)
          writer.row('c', others, tuple(['5', 'of the second log', null]))
        }),
      ])
      expect((await rowsIn(again, items)).size).toBe(0)
      expect((await rowsIn(again, others)).size).toBe(1)
    })

    it('refuses to write once another opening has taken over', async () => {
      const sink = await openSink()
      await follow(sink, batches)
      await using second = await place.open(sinkContext())
      const other = await second.sink({ name: 'app', logId: '5c21' }, never)
      await expect(sink.write(put('1', 'too late', null), never)).rejects.toMatchObject({ code: 'SINK_FENCED' })
      expect((await rowsIn(other, items)).size).toBe(0)
    })

    it('marks deleted rows, or leaves them, if it is told so', async () => {
      await target[Symbol.asyncDispose]()
      const remove = log.batch(writer => writer.delete(items, tuple(['1', undefined, undefined]), false))
      for (const [onDelete, left] of [
        ['mark', 1],
        ['ignore', 2],
      ] as const) {
        await place.empty()
        target = await place.open(sinkContext({ onDelete }))
        const sink = await openSink()
        await follow(sink, [...batches, put('1', 'deleted', null), put('2', 'kept', null), remove])
        expect((await rowsIn(sink, items)).size).toBe(left)
        await target[Symbol.asyncDispose]()
      }
      target = await place.open(sinkContext())
    })

    it('ends equal after it was killed at random moments', async () => {
      const script = killScript()
      let seed = 20_240_229
      const random = (below: number): number => {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
        return (seed >>> 8) % below
      }
      let killed = 0
      for (let runs = 0; runs < 6; runs++) if (await killAfter(place.child, 1 + random(12), random(8))) killed++
      expect(killed).toBeGreaterThan(3)
      const sink = await openSink()
      await follow(sink, script.batches)
      for (const each of script.tables) {
        const shown = await rowsIn(sink, each)
        expect(shown).toEqual(expectedRows(script.batches, each.name))
      }
    })
  })
}

/**
 * Lets a child process write to the place, kills it some milliseconds after it has committed some batches. False if it
 * was done before.
 */
function killAfter(child: SinkPlace['child'], batches: number, milliseconds: number): Promise<boolean> {
  const script = fileURLToPath(new URL('../support/sink-child.ts', import.meta.url))
  const process = fork(script, [JSON.stringify(child)], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  let stderr = ''
  process.stderr?.on('data', chunk => {
    stderr += chunk
  })
  return new Promise((resolve, reject) => {
    let left = batches
    process.on('message', () => {
      if (--left === 0) setTimeout(() => process.kill('SIGKILL'), milliseconds)
    })
    process.on('exit', code => (code === null || code === 0 ? resolve(code === null) : reject(new Error(stderr))))
  })
}
