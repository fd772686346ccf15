/**
 * `npm run test:full -- NAME [ARGS]`: one long run of test/full/, alone, and its figures. Without a name: their list.
 * Each module there default-exports `async (args) => figures`; a run with chance in it takes a seed and answers it
 * among its figures. It throws if what it proves is not so.
 */
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { errorMessage } from '../../runtime/errors.ts'

export type Figures = Readonly<Record<string, string | number | boolean>>
export type FullRun = (args: readonly string[]) => Promise<Figures>

const FOLDER = new URL('../full/', import.meta.url)

const names = existsSync(FOLDER)
  ? readdirSync(FOLDER).flatMap(file => (file.endsWith('.ts') ? [file.slice(0, -'.ts'.length)] : []))
  : []
const [name, ...args] = process.argv.slice(2)
if (name === undefined || !names.includes(name)) {
  console.log(`usage: npm run test:full -- NAME [ARGS], where NAME is one of: ${names.join(' ') || '(none)'}`)
  process.exitCode = name === undefined ? 0 : 2
} else {
  const { default: run } = (await import(fileURLToPath(new URL(`${name}.ts`, FOLDER)))) as { default: FullRun }
  const began = performance.now()
  try {
    const figures = await run(args)
    for (const [figure, value] of Object.entries(figures)) console.log(`${figure}: ${value}`)
    console.log(`${name} passed in ${((performance.now() - began) / 1000).toFixed(0)} s`)
  } catch (error) {
    console.log(typeof error === 'object' && error !== null && 'stack' in error ? error.stack : errorMessage(error))
    console.log(`${name} failed after ${((performance.now() - began) / 1000).toFixed(0)} s`)
    process.exitCode = 1
  }
}
