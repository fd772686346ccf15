/**
 * `npm test [-- GROUP...]`: lint, types, then the groups of tests; without names all of it. The last line is the sum,
 * before it stand the slowest files and each skipped test with its reason. Exits 1 on any failure. A test that is
 * skipped without a reason (a forgotten `it.only`) is a failure.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from './cached-package.ts'
import { TEST_GROUPS, type TestGroup } from './test-groups.ts'
import { type JestReport, type Outcome, readJestReport, summary } from './test-summary.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BIN = join(ROOT, 'node_modules', '.bin')
const LINT = join(ROOT, 'test', 'support', 'lint.ts')
const JEST = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js')

const reports = mkdtempSync(join(tmpdir(), 'tailrace-tests-'))
process.once('exit', () => rmSync(reports, { recursive: true, force: true }))

// Tests start many processes of the command line.
process.env.NODE_COMPILE_CACHE ??= join(cacheFolder(), 'compiled')

let running: ChildProcess | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    if (running !== undefined) end(running, signal)
    process.exit(1)
  })
}

/** With its own children, jest's workers, of which one may hang. */
function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) process.kill(-child.pid, signal)
}

/** Its output is ours. Answers the exit code; a killed one counts as 1. */
function run(command: string, args: readonly string[], minutes: number, env = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    })
    running = child
    const timer = setTimeout(() => {
      console.log(`not done after ${minutes} minutes: killed`)
      end(child, 'SIGKILL')
    }, minutes * 60_000)
    child.once('error', reject)
    child.once('exit', code => {
      clearTimeout(timer)
      running = undefined
      resolve(code ?? 1)
    })
  })
}

async function check(name: string, command: string, args: readonly string[]): Promise<Outcome> {
  const code = await run(command, args, 5)
  return code === 0 ? { passed: 1, failed: [], skipped: [], files: [] } : failure(name)
}

async function jest({ name, tests, workers, minutes, env, problem }: TestGroup): Promise<Outcome> {
  const reason = await problem?.()
  if (reason !== undefined) return { passed: 0, failed: [], skipped: [`all of ${name}: ${reason}`], files: [] }
  const report = join(reports, `${name}.json`)
  const args = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules', JEST, ...tests]
  args.push(`--maxWorkers=${workers}`, '--json', `--outputFile=${report}`)
  const code = await run(process.execPath, args, minutes, env)
  if (!existsSync(report)) return failure(`${name}: jest ended (${code}) without a report`)
  const outcome = readJestReport(JSON.parse(await readFile(report, 'utf8')) as JestReport, ROOT)
  if (code === 0 || outcome.failed.length > 0) return outcome
  return { ...outcome, failed: [`${name}: jest exited with ${code} though no test failed`] }
}

function failure(what: string): Outcome {
  return { passed: 0, failed: [what], skipped: [], files: [] }
}

const steps = new Map<string, () => Promise<Outcome>>([
  ['lint', () => check('lint', process.execPath, [LINT])],
  ['types', () => check('types', join(BIN, 'tsc'), ['--noEmit'])],
])
for (const group of TEST_GROUPS) steps.set(group.name, () => jest(group))

const wanted = process.argv.length > 2 ? process.argv.slice(2) : [...steps.keys()]
const unknown = wanted.filter(name => !steps.has(name))
if (unknown.length > 0) {
  console.log(`no part named ${unknown.join(', ')}; there are: ${[...steps.keys()].join(' ')}`)
  process.exit(2)
}
const outcomes: Outcome[] = []
const times: string[] = []
for (const [name, step] of steps) {
  if (!wanted.includes(name)) continue
  console.log(`── ${name}`)
  const began = performance.now()
  outcomes.push(await step())
  times.push(`${name} ${((performance.now() - began) / 1000).toFixed(1)} s`)
}
console.log(`── times: ${times.join(', ')}`)
const { lines, failed } = summary(outcomes)
for (const line of lines) console.log(line)
process.exitCode = failed === 0 ? 0 : 1
