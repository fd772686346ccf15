/**
 * `npm run bench -- NAME [--json] [OPTIONS]`: one benchmark, its figures as a table, or with `--json` as one object on
 * one line: `bench`, `ratios` (yardstick -> number, null if skipped) and the raw medians. Each module here
 * default-exports `async (args) => BenchResult`. Ratios come from one interleaved run.
 */
import { readdirSync } from 'node:fs'
import type { BenchResult } from './support/result.ts'

type Bench = (args: readonly string[]) => Promise<BenchResult>

const names = readdirSync(new URL('.', import.meta.url))
  .filter(file => file.endsWith('.ts') && file !== 'main.ts')
  .map(file => file.slice(0, -'.ts'.length))
const [name, ...rest] = process.argv.slice(2)
if (name === undefined || !names.includes(name)) {
  console.log(`usage: npm run bench -- NAME [--json], where NAME is one of: ${names.join(' ')}`)
  process.exitCode = name === undefined ? 0 : 2
} else {
  const json = rest.includes('--json')
  const { default: bench } = (await import(new URL(`${name}.ts`, import.meta.url).href)) as { default: Bench }
  const result = await bench(rest.filter(arg => arg !== '--json'))
  if (json) console.log(JSON.stringify({ bench: name, ...result }))
  else print(result)
}

function print({ ratios, medians }: BenchResult): void {
  for (const [label, value] of Object.entries(medians)) console.log(`${label.padEnd(44)} ${value ?? '-'}`)
  for (const [yardstick, ratio] of Object.entries(ratios))
    console.log(`${`ratio to ${yardstick}`.padEnd(44)} ${ratio === null ? 'skipped' : `${ratio.toFixed(2)}x`}`)
}
