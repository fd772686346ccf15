/**
 * `npm run lint`, `npm run format`: biome over the project. A program of 100 MB that only developers need: fetched into
 * the cache at first use.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachedPackage } from './cached-package.ts'

const BIOME = '2.6.8'

const folder = await cachedPackage('@biomejs/biome', BIOME)
const { status } = spawnSync(
  process.execPath,
  [join(folder, 'node_modules', '@biomejs', 'biome', 'bin', 'biome'), 'check', ...process.argv.slice(2), '.'],
  { cwd: fileURLToPath(new URL('../..', import.meta.url)), stdio: 'inherit' },
)
process.exitCode = status ?? 1
