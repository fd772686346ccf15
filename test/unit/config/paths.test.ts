import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { loadConfig } from '../../../config/load.ts'

const TEXT = `pipeline: shop
sources:
  app:
    type: generate
sinks:
  warehouse:
    type: duckdb
    path: ./rows.duckdb
    snapshotTo: copies/rows.duckdb
`

it('every path of a configuration starts from the folder of its file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-config-'))
  try {
    await writeFile(join(folder, 'tailrace.yaml'), TEXT)
    const { sinks } = await loadConfig(join(folder, 'tailrace.yaml'), {})
    expect(sinks[0]?.options).toMatchObject({
      path: join(folder, 'rows.duckdb'),
      snapshotTo: join(folder, 'copies', 'rows.duckdb'),
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})
