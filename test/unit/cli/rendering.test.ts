import { PassThrough } from 'node:stream'
import { describe, expect, it } from '@jest/globals'
import { textLine } from '../../../runtime/cli/log-text.ts'
import { phaseText, progressLines, renderStatus } from '../../../runtime/cli/render-status.ts'
import { cutToWidth, errorJson, errorText, table } from '../../../runtime/cli/terminal.ts'
import { TailraceError } from '../../../runtime/errors.ts'
import { registerSecret } from '../../../runtime/logger.ts'
import type { PipelineStatus } from '../../../runtime/status.ts'
import { SINK_STATUS, SOURCE_STATUS } from '../../support/fake-pipeline.ts'

const plain = new PassThrough()
const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 30 })

const LOADING = { rows: 12_000, totalRows: 50_000, rate: 3200, etaSeconds: 11.9 }

const STATUS: PipelineStatus = {
  version: '1.2.3',
  pipeline: 'shop',
  startedAt: null,
  health: 'red',
  reasons: ['sink search failed (TARGET_FULL)'],
  sources: { app: { ...SOURCE_STATUS, phase: 'loading', progress: LOADING } },
  sinks: {
    search: {
      ...SINK_STATUS,
      state: 'failed',
      lag: { records: 5, bytes: 2048, seconds: 3 },
      error: { code: 'TARGET_FULL', message: 'There is no room.', hint: 'Free some.' },
    },
  },
}

describe('progress', () => {
  it('says rows, per cent, rate and time left, as far as they are known', () => {
    expect(phaseText('loading', LOADING)).toBe('loading 12,000 of 50,000 rows (24 %), 3,200 rows/s, 12 s left')
    expect(phaseText('loading', { ...LOADING, totalRows: null, rate: null, etaSeconds: null })).toBe(
      'loading 12,000 rows',
    )
    expect(phaseText('streaming', null)).toBe('streaming')
  })

  it('never says more than all, when the estimate was too low', () => {
    expect(phaseText('loading', { rows: 60, totalRows: 50, rate: null, etaSeconds: 0 })).toBe(
      'loading 60 of 60 rows (100 %), 0 s left',
    )
  })

  it('has one line per part, cut to the width of a terminal and whole elsewhere', () => {
    const [source, sink] = progressLines(plain, STATUS)
    expect(source).toBe('source app  running  loading 12,000 of 50,000 rows (24 %), 3,200 rows/s, 12 s left')
    expect(sink).toBe('sink search  failed  TARGET_FULL There is no room.')
    expect(cutToWidth(terminal, source!)).toBe('source app  running  loading…')
  })
})

describe('the status', () => {
  it('is aligned tables without colours where there is no terminal', () => {
    expect(renderStatus(plain, STATUS)).toBe(
      [
        'shop  red  tailrace 1.2.3',
        '  sink search failed (TARGET_FULL)',
        '',
        'SOURCE  TYPE  STATE    PHASE                                                          LAG             RETAINED  LOG',
        'app     fake  running  loading 12,000 of 50,000 rows (24 %), 3,200 rows/s, 12 s left  0.2 s, 0 bytes  -         1000 bytes',
        '',
        'SINK    TYPE  STATE   PHASE  LAG                     APPLIED  QUARANTINED',
        'search  fake  failed  live   5 changes, 3 s, 2.0 KB  3        0',
        '',
        'sink search: TARGET_FULL  There is no room.',
        '  hint  Free some.',
      ].join('\n'),
    )
  })

  it('keeps its columns where cells are coloured', () => {
    const lines = table(
      terminal,
      ['A', 'B'],
      [
        ['\u001b[32mgreen\u001b[39m', 'x'],
        ['plain', 'y'],
      ],
    ).split('\n')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    expect(lines.map(line => line.replace(/\u001b\[\d+m/g, ''))).toEqual(['A      B', 'green  x', 'plain  y'])
  })
})

describe('an error', () => {
  registerSecret('hunter99')
  const error = new TailraceError('SOURCE_AUTH', 'stop', 'Login with hunter99 refused.', { hint: 'Not hunter99.' })

  it('is its code, what happened and what to do, without secrets', () => {
    expect(errorText(plain, error)).toBe('SOURCE_AUTH  Login with *** refused.\n  hint  Not ***.')
  })

  it('is one line of JSON for programs', () => {
    expect(JSON.parse(errorJson(error))).toEqual({
      error: { code: 'SOURCE_AUTH', message: 'Login with *** refused.', hint: 'Not ***.' },
    })
    expect(JSON.parse(errorJson(new Error('odd')))).toEqual({
      error: { code: 'UNEXPECTED', message: 'odd', hint: null },
    })
  })
})

it('log lines are for people', () => {
  const line = {
    level: 'warn',
    time: '2026-01-01T10:00:00.123Z',
    part: 'sink search',
    retryInMs: 200,
    msg: 'trying again',
  }
  const err = { code: 'TARGET_BUSY', message: 'Locked.', hint: 'Wait.' }
  expect(textLine(`${JSON.stringify({ ...line, err })}\n`)).toBe(
    '2026-01-01T10:00:00Z warn  trying again part=sink search retryInMs=200: TARGET_BUSY Locked. (Wait.)',
  )
  expect(textLine('not JSON\n')).toBe('not JSON')
})
