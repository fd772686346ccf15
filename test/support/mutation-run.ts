import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { seedFrom } from '../crash/random.ts'
import type { Figures } from './run-full.ts'

/** An edit of the source that breaks a sentence of the rules, and what must then fail. */
export interface Mutation {
  /** In the rules' own words. */
  readonly sentence: string
  readonly file: string
  /** Stands exactly once in the file. */
  readonly from: string
  readonly to: string
  /** A long run, which is given the seed, or a test file. */
  readonly check: { readonly full: string; readonly args: readonly string[] } | `test/${string}`
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const COPIED = ['connectors', 'runtime', 'sinks', 'config', 'test', 'package.json', 'jest.config.json', 'tsconfig.json']

/**
 * Makes each edit in a copy of the checkout and demands that what guards the sentence fails; throws with those that
 * nobody noticed. `--only N` makes the Nth alone. `--seed N` is that of the long runs.
 */
export async function breakEach(mutations: readonly Mutation[], args: readonly string[]): Promise<Figures> {
  const seed = seedFrom(args)
  const at = args.indexOf('--only')
  const chosen = at === -1 ? mutations : [mutations[Number(args[at + 1]) - 1]!]
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-mutations-'))
  try {
    for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true })
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const survivors: string[] = []
    for (const mutation of chosen) {
      const why = await killedBy(folder, mutation, seed)
      console.log(`${mutation.sentence}: ${why ?? 'NOT NOTICED'}`)
      if (why === undefined) survivors.push(mutation.sentence)
    }
    if (survivors.length > 0) throw new Error(`not noticed: ${survivors.join('; ')}`)
    return { seed, mutations: chosen.length }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What the check said when it failed; undefined if it did not. */
async function killedBy(
  folder: string,
  { file, from, to, check }: Mutation,
  seed: number,
): Promise<string | undefined> {
  const path = join(folder, file)
  const source = await readFile(path, 'utf8')
  if (source.split(from).length !== 2) throw new Error(`${file} does not hold exactly once: ${from}`)
  await writeFile(
    path,
    source.replace(from, () => to),
  )
  try {
    const output = await failureOf(folder, check, seed)
    if (output === undefined) return undefined
    if (/SyntaxError|Cannot find module/.test(output)) throw new Error(`the edit of ${file} is no program:\n${output}`)
    return /^.*?((?:\w*Error|expect\().*)$/m.exec(output)?.[1]?.slice(0, 160) ?? 'it failed'
  } finally {
    await writeFile(path, source)
  }
}

function failureOf(folder: string, check: Mutation['check'], seed: number): Promise<string | undefined> {
  const program =
    typeof check === 'string'
      ? ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', check]
      : ['test/support/run-full.ts', check.full, ...check.args, '--seed', String(seed)]
  return new Promise(resolve => {
    execFile(process.execPath, program, { cwd: folder, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve(error === null ? undefined : `${stdout}${stderr}`),
    )
  })
}
