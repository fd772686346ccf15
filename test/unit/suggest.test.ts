import { describe, expect, it } from '@jest/globals'
import { formatSeconds, formatSize, parseDuration, parseSize } from '../../runtime/quantity.ts'
import { didYouMean, editDistance } from '../../runtime/suggest.ts'

describe('did you mean', () => {
  it('counts inserted, deleted, replaced and swapped letters', () => {
    expect(editDistance('tables', 'tables')).toBe(0)
    expect(editDistance('tabels', 'tables')).toBe(1)
    expect(editDistance('table', 'tables')).toBe(1)
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('kitten', 'sitting')).toBe(3)
  })

  it('names the nearest word, and none that is far', () => {
    expect(didYouMean('tabels', ['url', 'tables', 'table_x'])).toBe('did you mean "tables"?')
    expect(didYouMean('xyz', ['url', 'tables'])).toBeUndefined()
  })
})

describe('durations and sizes', () => {
  it.each([
    ['500ms', 500],
    ['1s', 1000],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['7', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1w', undefined],
  ])('%s is %s ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each([
    ['512B', 512],
    ['64KB', 65_536],
    ['64MB', 67_108_864],
    ['1.5GB', 1_610_612_736],
    ['1TB', 1_099_511_627_776],
    ['64', undefined],
    ['64mb', undefined],
  ])('%s is %s bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it('are written for people', () => {
    expect(formatSize(0)).toBe('0 bytes')
    expect(formatSize(1536)).toBe('1.5 KB')
    expect(formatSize(64 * 1024 ** 2)).toBe('64 MB')
    expect(formatSize(3 * 1024 ** 4)).toBe('3.0 TB')
    expect(formatSeconds(0.25)).toBe('0.3 s')
    expect(formatSeconds(125)).toBe('2 min 5 s')
    expect(formatSeconds(12_000)).toBe('3 h 20 min')
    expect(formatSeconds(90_000)).toBe('1 d 1 h')
  })
})
