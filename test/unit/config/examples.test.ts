import { readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { loadConfig } from '../../../config/load.ts'

const FOLDER = new URL('../../../config/examples/', import.meta.url)

it.each(readdirSync(FOLDER))('the example %s is a valid configuration in block style', async name => {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-example-'))
  await writeFile(join(folder, 'secret'), 'a secret of the example\n')
  const text = await readFile(new URL(name, FOLDER), 'utf8')
  const file = join(folder, name)
  await writeFile(file, text.replace(/file:\/run\/secrets\/\w+/g, 'file:secret'))
  const config = await loadConfig(file, { DATABASE_URL: 'postgres://me:hidden@localhost/shop' })
  await rm(folder, { recursive: true })
  expect(config.sinks.length).toBeGreaterThan(0)
  expect(text).not.toMatch(/^[^#]*: [[{]/m)
})
