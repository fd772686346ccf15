import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Source } from '../../../runtime/contract.ts'
import { LogWriter } from '../../../runtime/ingest/log-writer.ts'
import { ITEMS, ItemWriter, openIndexed } from '../../support/indexed-log.ts'
import { tuple } from '../../support/records.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-log-writer-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

/** More than the log keeps in memory for its readers. */
const LARGE = 2 * 1024 * 1024

describe('while the rows of a load are looked up', () => {
  it.each([1, LARGE])('every key that the stream writes is noted: a text of %d bytes', async size => {
    await using log = await openIndexed(folder)
    const { signal } = new AbortController()
    const writer = new LogWriter(log, {} as Source, undefined, signal)
    const items = new ItemWriter(log)
    await writer.stream(items.unit([['1', 'before']]))
    const look = async (): Promise<void> => {
      await writer.stream(items.unit([['2', 'x'.repeat(size)]]))
    }
    await writer.merged(
      ITEMS,
      look,
      async (_, touched) => {
        expect(['1', '2'].map(key => touched.has(tuple(key).bytes))).toEqual([false, true])
        return undefined
      },
      signal,
    )
    expect.assertions(1)
  })
})
