import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { foldFiles, foldLine, KeyParts, lineKey, rowEnds, type StateRow, valueText } from '../../../sinks/jsonl/fold.ts'
import { never } from '../../support/sink-rig.ts'

describe('a table larger than memory', () => {
  it('is dealt out by key into parts that hold all lines of their keys', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-parts-'))
    const lines = Array.from({ length: 5000 }, (_, i) => `{"key":[${i % 700}],"value":{"id":${i % 700},"n":${i}}}`)
    const path = join(folder, 'lines')
    await writeFile(path, `${lines.join('\n')}\n`)
    const file = { path, size: (await stat(path)).size }
    {
      await using parts = await KeyParts.of([file], join(folder, 'scratch'), never, 16 * 1024)
      expect(parts.files.length).toBeGreaterThan(5)
      const rows = new Map<string, StateRow>()
      for (const part of parts.files)
        for (const [key, row] of await foldFiles(part, never)) {
          expect(rows.has(key)).toBe(false)
          rows.set(key, row)
        }
      expect(rows).toEqual(await foldFiles([file], never))
      expect(rows.size).toBe(700)
      expect(rows.get('[3]')?.value).toBe('{"id":3,"n":4903}')
    }
    expect(await readdir(folder)).toEqual(['lines'])
    await rm(folder, { recursive: true })
  })
})

describe('long lines', () => {
  it('are told apart, kept in their file, and read where that is needed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-long-'))
    const long = (sign: string): string => `{"t":"${`${sign}🌊\\n`.repeat(300_000)}","n":1}`
    const lines = [
      '{"key":[1],"value":{"n":1}}',
      `{"key":["é",2],"value":${long('a')}}`,
      '{"key":[3],"value":{"n":3}}',
      `{"key":[3],"value":${long('b')},"complete":false}`,
      '{"batch":1,"log":"x","cursor":"c","lines":4,"dead":1}',
      `{"key":[4],"value":${long('c')},"complete":false,"deleted":true}`,
      `{"key":[5],"value":${long('d')}}`,
      '{"key":[5],"value":null}',
      `{"key":[6],"value":${long('e')},"deleted":true}`,
      '{"key":[6],"value":{"n":6},"complete":false}',
      `{"key":[1],"value":${long('f')}}`,
      `{"key":["é",2],"value":${long('g')}}`,
      '{"key":["é",2],"deleted":true}',
    ]
    const path = join(folder, 'lines')
    await writeFile(path, `${lines.join('\n')}\n`)
    const file = { path, size: (await stat(path)).size }
    const shown = async (rows: Map<string, StateRow>) => {
      const found = new Map<string, unknown>()
      for (const [key, row] of rows) found.set(key, { ...row, value: await valueText(row) })
      return found
    }
    const whole = (key: string, value: string, complete = true, deleted = false) =>
      [key, { key, value, complete, deleted }] as const
    const expected = new Map([
      whole('[1]', long('f')),
      whole('["é",2]', long('g'), true, true),
      whole('[3]', JSON.stringify({ n: 1, ...JSON.parse(long('b')) })),
      whole('[4]', long('c'), false, true),
      whole('[6]', JSON.stringify({ t: JSON.parse(long('e')).t, n: 6 })),
    ])
    const rows = await foldFiles([file], never)
    expect(typeof rows.get('[1]')!.value).toBe('object')
    expect(await shown(rows)).toEqual(expected)
    {
      await using parts = await KeyParts.of([file], join(folder, 'scratch'), never, 2 * 1024 * 1024)
      expect(parts.files.length).toBeGreaterThan(3)
      const dealt = new Map<string, unknown>()
      for (const part of parts.files) for (const entry of await shown(await foldFiles(part, never))) dealt.set(...entry)
      expect(dealt).toEqual(expected)
    }
    await rm(folder, { recursive: true })
  })
})

describe('lines of a state file', () => {
  const folded = (...lines: string[]): StateRow[] => {
    const rows = new Map<string, StateRow>()
    for (const line of lines) expect(foldLine(rows, line)).toBeUndefined()
    return [...rows.values()]
  }

  it.each([
    ['{"key":[1],"value":{"a":1}}', '[1]'],
    ['{"key":["a]\\"]",[1,2]],"value":null}', '["a]\\"]",[1,2]]'],
    ['{"key":["\\\\"],"deleted":true}', '["\\\\"]'],
  ])('know their key: %s', (line, key) => {
    expect(lineKey(line)).toBe(key)
  })

  it('lay an incomplete row over the one before, digit for digit', () => {
    const [row] = folded(
      '{"key":[1],"value":{"id":1,"big":9223372036854775807,"text":"x"}}',
      '{"key":[1],"value":{"id":1,"text":"y"},"complete":false}',
    )
    expect(row).toEqual({
      key: '[1]',
      value: '{"id":1,"big":9223372036854775807,"text":"y"}',
      complete: true,
      deleted: false,
    })
  })

  it('are not misled by columns named like members of a line', () => {
    const line = '{"key":[1],"value":{"complete":false,"deleted":true,"value":null}}'
    expect(folded(line)).toMatchObject([{ complete: true, deleted: false }])
  })

  it.each([
    { key: '[1]', value: '{"a":1}', complete: true, deleted: false },
    { key: '[1]', value: '{"a":1}', complete: false, deleted: false },
    { key: '[1]', value: '{"a":1}', complete: false, deleted: true },
    { key: '[1]', value: '{"a":1}', complete: true, deleted: true },
  ])('are read as they were written: %j', row => {
    expect(folded(rowEnds(row).join(row.value).trimEnd())).toEqual([row])
  })
})
