import { extname } from 'node:path'
import type { DemoDatabase } from './database.ts'
import { aligned, type Screen } from './screen.ts'
import type { DemoSink } from './sinks/sink.ts'

/** The end of the demo: what a person can try next. */

const FROM_CHECKOUT = extname(import.meta.url) === '.ts'
const TAILRACE = FROM_CHECKOUT ? 'npm run -s tailrace --' : 'npx tailrace'
const DEMO = FROM_CHECKOUT ? 'npm run demo --' : 'npx tailrace demo'

/** With everything still running: commands that work as they stand. */
export function showLiveCommands(screen: Screen, shell: string, config: string, sinks: readonly DemoSink[]): void {
  const examples = sinks.flatMap(sink => sink.examples)
  screen.line('Everything stays up, with customers, until Ctrl-C. In another terminal, here:')
  show(screen, [...commands(shell, config), ...examples.map(({ what, live }) => [what, live] as const)])
}

/** After everything is gone. */
export function showNextSteps(screen: Screen, { type, shell }: DemoDatabase, sinks: readonly DemoSink[]): void {
  const examples = sinks.flatMap(sink => sink.examples)
  screen.line('All of it is gone now. To have it stay up, with customers, until Ctrl-C:')
  const demo = type === 'mysql' ? `${DEMO} --mysql` : DEMO
  show(screen, [['', `${demo} --forever`]])
  screen.line()
  screen.line('which prints these with the addresses filled in, for another terminal:')
  show(screen, [...commands(shell('URL'), 'FILE'), ...examples.map(({ what, later }) => [what, later] as const)])
  screen.line()
  screen.line('And then:')
  show(screen, [
    ['see it notice what is wrong', `${demo} --tamper`],
    ['use a database of your own', `${TAILRACE} init DATABASE_URL`],
  ])
}

function commands(shell: string, config: string): (readonly [what: string, command: string])[] {
  return [
    ['change something', shell],
    ['follow the changes', `${TAILRACE} changes -c ${config} --from end --follow`],
    ['watch the lag', `${TAILRACE} status -c ${config} --watch`],
  ]
}

function show(screen: Screen, entries: readonly (readonly [string, string])[]): void {
  for (const line of aligned(entries, new Set())) screen.line(`  ${line.trimStart()}`)
}
