#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { errorCode, TailraceError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { type Context, isInteractive } from './context.ts'
import type { DemoVerbOptions } from './demo.ts'
import { EXIT, exitCode } from './exit-code.ts'
import { errorJson, errorText } from './terminal.ts'

/** The command `tailrace`: reads its arguments, runs one verb, prints its error and exits with its status. */

const stopping = new AbortController()
const io = { out: process.stdout, err: process.stderr, in: process.stdin }

type Verb<O> = (context: Context, options: O) => Promise<number>

const program = new Command('tailrace')
  .description('Tails database logs and keeps derived stores true.')
  .version(VERSION)
  .addOption(new Option('-c, --config <file>', 'configuration').default('tailrace.yaml').env('TAILRACE_CONFIG'))
  .option('--json', 'print JSON')
  .option('--url <url>', 'of a running process, instead of the one found through the log folder')
  .exitOverride()
  .configureOutput({ outputError: () => {} })
  .configureHelp({ showGlobalOptions: true })

let jsonWanted = false

/** npm passes an interrupt of the terminal on to a process that has already received it. */
const SAME_INTERRUPT_MS = 200

/** The first signal ends the verb in good order, a second one at once. */
function listenForSignals(): void {
  let interruptedAt = 0
  const onSignal = (signal: NodeJS.Signals): void => {
    const repeated = signal === 'SIGINT' && performance.now() - interruptedAt < SAME_INTERRUPT_MS
    if (stopping.signal.aborted && !repeated) process.exit(EXIT.failed)
    if (signal === 'SIGINT') interruptedAt = performance.now()
    stopping.abort(new Error('asked to stop'))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  // The terminal was closed. Elsewhere `run` takes it as the word to read its configuration again.
  if (isInteractive(io)) process.on('SIGHUP', onSignal)
}

function verb(usage: string, description: string): Command {
  return program.command(usage).description(description)
}

interface Common {
  readonly config: string
  readonly json?: boolean
  readonly url?: string
}

/** The action of a verb, whose file is loaded when it is called. */
function action<O>(
  load: () => Promise<Verb<O & { readonly argument?: string }>>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command
    const options = command.optsWithGlobals<O & Common>()
    const argument = typeof given[0] === 'string' ? given[0] : undefined
    jsonWanted = options.json === true
    const context = { io, config: options.config, json: jsonWanted, url: options.url, signal: stopping.signal }
    listenForSignals()
    const run = await load()
    process.exitCode = await run(context, argument === undefined ? options : { ...options, argument })
  }
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('a number of seconds is expected')
  return value
}

/** The demo's customers find something to do. */
const LEAST_ROWS = 7000

function shopRows(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < LEAST_ROWS)
    throw new InvalidArgumentError(`a number of rows is expected, ${LEAST_ROWS} or more`)
  return value
}

function address(text: string): { host: string; port: number } {
  const [, host, port] = /^([\w.-]+):(\d{1,5})$/.exec(text) ?? []
  if (host === undefined) throw new InvalidArgumentError('host:port is expected')
  return { host, port: Number(port) }
}

const repeat = (text: string, before: readonly string[] = []): string[] => [...before, text]

verb('init <url>', 'write a configuration for a database, and print the SQL it needs')
  .option('--pipeline <name>', 'name of the pipeline (default: that of the database)')
  .option('--force', 'replace an existing file')
  .action(action(async () => (await import('./init.ts')).init))

verb('check', 'check the configuration, then the databases and targets; says what mends what')
  .option('--offline', 'only the configuration')
  .action(action(async () => (await import('./check.ts')).check))

verb('run', 'run the pipeline')
  .option('--until-caught-up', 'end when all sinks hold what was committed before they got there')
  .option('--yes', 'do not ask before a large first load')
  .option('--resnapshot <source>', 'begin a new stream where this source has lost its own (may be repeated)', repeat)
  .action(action(async () => (await import('./run.ts')).run))

verb('status', 'state, phase, progress and lag of every source and sink')
  .option('--watch', 'redraw every second')
  .action(action(async () => (await import('./status.ts')).status))

verb('wait', 'return when the sinks hold all that was committed before the call')
  .option('--timeout <seconds>', 'exit 4 after this long', seconds, 30)
  .option('--sink <name>', 'only this sink (may be repeated)', repeat)
  .action(action(async () => (await import('./wait.ts')).wait))

verb('changes', 'print changes as lines of JSON')
  .option('--table <name>', 'only this table, source.schema.table; * within a part (may be repeated)', repeat)
  .option('--key <key>', 'only this key; composite keys joined by |')
  .option('--from <cursor>', 'behind this cursor; start or end')
  .option('--since <time>', 'nothing logged before this time, ISO 8601')
  .option('--follow', 'go on at the end')
  .action(action(async () => (await import('./changes.ts')).changes))

verb('types', 'prints TypeScript types of the captured tables, for the transform of a sink').action(
  action(async () => (await import('./types.ts')).types),
)

verb('tables', 'list the captured tables').action(action(async () => (await import('./tables.ts')).tables))

verb('backfill', 'read rows of a source again while it streams, or build a sink anew beside what it holds')
  .option('--source <name>', 'the source')
  .option('--table <name>', 'only this table, source.schema.table (may be repeated)', repeat)
  .option('--resnapshot', 'delete what the source does not have any more; begin a new stream where the old one is lost')
  .option('--yes', 'however much is deleted')
  .option('--sink <name>', 'the sink: it is built from the log, and swapped once it has caught up')
  .option('--verify', 'of a sink: compare it with the source before it is swapped')
  .option('--rollback', 'of a sink: back to what it held before the last swap, once that has caught up')
  .option('--detach', 'do not wait for the end')
  .action(action(async () => (await import('./backfill.ts')).backfill))

verb('pause', 'pause a source or a sink; it stays paused over restarts')
  .option('--source <name>', 'the source')
  .option('--sink <name>', 'the sink')
  .action(action(async () => (await import('./pause.ts')).pause))

verb('resume', 'resume a paused or failed source or sink')
  .option('--source <name>', 'the source')
  .option('--sink <name>', 'the sink')
  .action(action(async () => (await import('./resume.ts')).resume))

verb('verify', 'compare a sink with its sources by key, while both move; names the keys that differ')
  .requiredOption('--sink <name>', 'the sink')
  .option('--table <name>', 'only this table, source.schema.table; * within a part (may be repeated)', repeat)
  .option('--fix', 'write what differs anew, through the log, and compare it again')
  .option('--all', 'name all keys that differ, not just the first 100')
  .action(action(async () => (await import('./verify.ts')).verify))

verb('replay', 'have a sink read a part of the log once more')
  .requiredOption('--sink <name>', 'the sink')
  .option('--from <cursor>', 'behind this cursor; start')
  .option('--since <time>', 'what was logged at this time, ISO 8601, or later')
  .action(action(async () => (await import('./replay.ts')).replay))

verb('quarantine <act>', 'list the rows that the target of a sink refused, retry them, or drop them')
  .requiredOption('--sink <name>', 'the sink')
  .option('--table <name>', 'only rows of this table, source.schema.table')
  .option('--key <key>', 'only this key; composite keys joined by | (may be repeated)', repeat)
  .option('--yes', 'of drop: do not ask')
  .action(action(async () => (await import('./quarantine.ts')).quarantine))

verb('compact', 'remove from the logs what newer changes made needless, now')
  .option('--source <name>', 'only the log of this source')
  .action(action(async () => (await import('./compact.ts')).compact))

verb('forget', 'remove rows that the source has deleted from the log and all sinks, now; prints a receipt')
  .requiredOption('--table <name>', 'the table, source.schema.table')
  .requiredOption('--key <key>', 'the key; composite keys joined by | (may be repeated)', repeat)
  .option('--yes', 'do not ask')
  .action(action(async () => (await import('./forget.ts')).forget))

verb('remove', 'drop what was made for a source (slot, publication, log) or a sink (target)')
  .option('--source <name>', 'the source')
  .option('--sink <name>', 'the sink')
  .option('--keep-data', "keep the source's log or the sink's target")
  .option('--yes', 'do not ask')
  .action(action(async () => (await import('./remove.ts')).remove))

verb('config-schema', 'print the JSON Schema of the configuration').action(
  action(async () => (await import('./config-schema.ts')).printConfigSchema),
)

verb('demo', 'a shop in a database of its own, its changes in search, cache, warehouse and files, compared at the end')
  .option('--rows <rows>', 'size of the shop (70000)', shopRows)
  .option('--seconds <seconds>', 'how long it has customers (30)', seconds)
  .option('--forever', 'until interrupted')
  .option('--tamper', 'change the sinks first: the comparison must fail and name the keys')
  .option(
    '--redis <host:port>',
    'a Redis to use for the cache if it runs (127.0.0.1:6379), else one is started',
    address,
  )
  .option('--no-redis', 'without a cache')
  .option('--engine <url>', 'an Elasticsearch or OpenSearch to use if it runs (http://127.0.0.1:9200)')
  .option('--no-engine', 'without a search engine')
  .option('--mysql', 'the shop in a MySQL or MariaDB, whose server must be installed, instead of a PostgreSQL')
  .action(async (_, command: Command) => {
    const options = command.optsWithGlobals<DemoVerbOptions>()
    jsonWanted = options.json === true
    process.exitCode = await (await import('./demo.ts')).demo(options)
  })

// Whoever read our output has gone: `tailrace changes | head`.
process.stdout.on('error', error => process.exit(errorCode(error) === 'EPIPE' ? EXIT.fine : EXIT.failed))

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError && error.exitCode === 0) process.exitCode = EXIT.fine
  else if (stopping.signal.aborted && error === stopping.signal.reason) process.exitCode = EXIT.fine
  else {
    const told = error instanceof CommanderError ? usageError(error) : error
    process.stderr.write(`${jsonWanted ? errorJson(told) : errorText(process.stderr, told)}\n`)
    process.exitCode = exitCode(errorCode(told))
  }
}

function usageError({ message }: CommanderError): TailraceError {
  return new TailraceError('USAGE', 'stop', message.replace(/^error: /, ''), {
    hint: 'tailrace --help lists the verbs, tailrace VERB --help its options.',
  })
}
