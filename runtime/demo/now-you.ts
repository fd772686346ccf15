import { writeFile } from 'node:fs/promises'
import { extname, join, relative } from 'node:path'
import { aligned, type Screen } from './screen.ts'
import { searchScript } from './search.ts'
import type { Workspace } from './workspace.ts'

/** The end of the demo: what a person can try next. */

const FROM_CHECKOUT = extname(import.meta.url) === '.ts'
const TAILRACE = FROM_CHECKOUT ? 'npm run -s tailrace --' : 'npx tailrace'
const DEMO = FROM_CHECKOUT ? 'npm run demo --' : 'npx tailrace demo'

/** With everything still running: commands that work as they stand. */
export async function showLiveCommands(screen: Screen, workspace: Workspace, url: string): Promise<void> {
  const script = join(workspace.folder, 'search.mjs')
  await writeFile(script, searchScript(workspace.search))
  screen.line('Everything stays up, with customers, until Ctrl-C. In another terminal, here:')
  show(screen, commands(url, workspace.config, `${nodeHere()} ${script}`, workspace.files))
}

/** After everything is gone. */
export function showNextSteps(screen: Screen): void {
  screen.line('All of it is gone now. To have it stay up, with customers, until Ctrl-C:')
  show(screen, [['', `${DEMO} --forever`]])
  screen.line()
  screen.line('which prints these with the addresses filled in, for another terminal:')
  show(screen, commands('URL', 'FILE', 'node search.mjs', 'FOLDER'))
  screen.line()
  screen.line('And then:')
  show(screen, [
    ['see it notice what is wrong', `${DEMO} --tamper`],
    ['use a database of your own', `${TAILRACE} init DATABASE_URL`],
  ])
}

function commands(url: string, config: string, search: string, files: string): [what: string, command: string][] {
  return [
    ['change something', `psql ${url}`],
    ['follow the changes', `${TAILRACE} changes -c ${config} --from end --follow`],
    ['watch the lag', `${TAILRACE} status -c ${config} --watch`],
    ['search the products', `${search} copper kettle`],
    ['read the files', `tail -n 2 ${files}/public.orders/*.jsonl`],
  ]
}

function show(screen: Screen, entries: readonly (readonly [string, string])[]): void {
  for (const line of aligned(entries, new Set())) screen.line(`  ${line.trimStart()}`)
}

/** The Node that runs this, by its shortest name. */
function nodeHere(): string {
  const near = relative(process.cwd(), process.execPath)
  return near.length < process.execPath.length ? near : process.execPath
}
