import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from '@jest/globals'
import { Random, seedFrom } from '../../crash/random.ts'
import { CompletionRun } from '../../support/completion-run.ts'

const HISTORIES = 2
const UNITS = 25

describe('completion', () => {
  it('gives each record the newest state of its key, and nothing that a delete, truncate or new life has ended', async () => {
    const seed = seedFrom([])
    for (let history = 0; history < HISTORIES; history++) {
      const folder = await mkdtemp(join(tmpdir(), 'tailrace-completion-'))
      try {
        await using run = await CompletionRun.open(folder, new Random(seed + history))
        for (let unit = 0; unit < UNITS; unit++) await run.unit()
        await run.check()
        await run.reopen(true)
        await run.check()
      } catch (cause) {
        throw new Error(`failed with seed ${seed + history}`, { cause })
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    }
  })
})
