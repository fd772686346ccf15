import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { exitCode } from '../../runtime/cli/exit-code.ts'
import { readSources } from '../support/source-tree.ts'

/** Words in the form of a code that are none: SQL, codes of Node, SQLite and mysql2, environment variables. */
const NOT_CODES = new Set([
  'FLUSH_TABLES',
  'AUTH_SWITCH_PLUGIN_ERROR',
  'COLLATION_CHARACTER_SET_APPLICABILITY',
  'ERR_OUT_OF_RANGE',
  'ERR_SQLITE_ERROR',
  'ERR_STRING_TOO_LONG',
  'EXPORT_SNAPSHOT',
  'OFF_PERMISSIVE',
  'ON_PERMISSIVE',
  'HIGH_PRIORITY',
  'IDENTIFY_SYSTEM',
  'LEVEL_CORRUPTION',
  'LEVEL_IO_ERROR',
  'LOW_PRIORITY',
  'NOEXPORT_SNAPSHOT',
  'NO_WRITE_TO_BINLOG',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'SQL_ASCII',
  'TAILRACE_CONFIG',
  'UTF8MB4_BIN',
  'WHEN_REQUIRED',
])

function without(all: ReadonlySet<string>, some: ReadonlySet<string>): Set<string> {
  return new Set([...all].filter(code => !some.has(code)))
}

function codesInSource(): Set<string> {
  const codes = new Set<string>()
  for (const { text } of readSources(['connectors', 'runtime', 'sinks', 'config'])) {
    for (const [, code] of text.matchAll(/'([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)'/g)) codes.add(code!)
    for (const [, code] of text.matchAll(/(?:new TailraceError\(\s*|code: |STOPPED = )'([A-Z][A-Z0-9]*)'/g))
      codes.add(code!)
  }
  return without(codes, NOT_CODES)
}

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` \|(.*)\|$/gm)].map(([, code, rest]) => ({
  code: code!,
  cells: rest!.split(' | ').map(cell => cell.trim()),
}))

describe('docs/errors.md', () => {
  it('explains every code in the source, and no other', () => {
    const documented = new Set(rows.map(({ code }) => code))
    const inSource = codesInSource()
    expect([...without(inSource, documented)]).toEqual([])
    expect([...without(documented, inSource)]).toEqual([])
    expect(inSource.size).toBeGreaterThan(50)
  })

  it('explains each once, with something to do about it', () => {
    const codes = rows.map(({ code }) => code)
    expect(codes.filter((code, i) => codes.indexOf(code) !== i)).toEqual([])
    for (const { cells } of rows) for (const cell of cells) expect(cell).not.toBe('')
  })

  it('names the exit status that the command line gives', () => {
    const told = rows.filter(({ cells }) => cells.length === 4)
    expect(told.length).toBeGreaterThan(50)
    expect(told.map(({ code, cells }) => `${code} ${cells[1]}`)).toEqual(
      told.map(({ code }) => `${code} ${exitCode(code)}`),
    )
  })
})
