/**
 * `npm run why -- NAME`: why Tailrace does not stand on a package of that name, shown on a real server in under a
 * minute. Without a name: their list. Each module beside this one default-exports `async (say) => shown`; exits 1 if
 * it could not be shown.
 */
import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Why = (say: (line?: string) => void) => Promise<boolean>

const OWN_NAME = basename(fileURLToPath(import.meta.url))

const names = readdirSync(import.meta.dirname).flatMap(file =>
  file.endsWith('.ts') && file !== OWN_NAME ? [file.slice(0, -'.ts'.length)] : [],
)
const [name = ''] = process.argv.slice(2)
if (names.includes(name)) {
  const { default: why } = (await import(new URL(`${name}.ts`, import.meta.url).href)) as { default: Why }
  const shown = await why((line = '') => console.log(line))
  process.exitCode = shown ? 0 : 1
} else {
  console.log(`usage: npm run why -- NAME, where NAME is one of: ${names.join(' ')}`)
  process.exitCode = name === '' ? 0 : 2
}
