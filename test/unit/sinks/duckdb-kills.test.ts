import { expect, it } from '@jest/globals'
import { Random } from '../../crash/random.ts'
import { killWriters } from '../../support/duckdb-kills.ts'

it.each(['rows', 'changes'] as const)(
  'a DuckDB file holds exactly what its cursor says after its writer was killed at random (mode: %s)',
  async mode => {
    expect(await killWriters(2, mode, new Random(20_240_229))).toBe(2)
  },
  60_000,
)
