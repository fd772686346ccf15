import { expect, it } from '@jest/globals'
import { compactedSource } from '../support/compacted-source.ts'

it('a sink is built from a compacted log while the database is stopped, and equals it', async () => {
  const figures = await compactedSource({ rows: 3000, rounds: 5, segment: '1MB', seconds: 60 })
  expect(figures.ratio).toBeLessThan(1.15)
}, 120_000)
