import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errorCode, isTailraceError, TailraceError } from '../runtime/errors.ts'
import type { HttpConfig, PipelineConfig, SinkConfig, SourceConfig } from '../runtime/pipeline-config.ts'
import { type Block, Blocks } from './blocks.ts'
import { capturedBy, clashes, unknownTables } from './checks.ts'
import { ConfigDocument } from './document.ts'
import { type Environment, expand } from './expand.ts'
import { problemsOf } from './issues.ts'
import { configError, type Problem } from './problem.ts'
import { fileSchema, isLoopback, logShape, parseListen, sinkShape } from './schema.ts'
import { registerExpanded, registerSecrets } from './secret.ts'
import { shapeProblems } from './shapes.ts'
import { type LoadedTransform, loadTransform } from './transform.ts'

/** What a configuration's text stands in. */
export interface ConfigPlace {
  /** For messages: the file's name. */
  readonly file: string
  /** Absolute: where plugins and secret files named by a relative path are. */
  readonly folder: string
  /** Absolute: where options named `path` start from, that is, what Tailrace writes. Default: `folder`. */
  readonly dataFolder?: string
  readonly environment: Environment
  /** Called with the parsed text before anything of it is looked at. */
  readonly amend?: (document: ConfigDocument) => void
}

/**
 * Reads and checks a configuration file, loads the plugins it names and makes its secrets known to the logger. Touches
 * no database. Throws CONFIG_MISSING, CONFIG_SYNTAX, CONFIG_UNKNOWN_KEY, CONFIG_INVALID, CONFIG_VARIABLE,
 * CONFIG_PLUGIN, CONFIG_PATTERN, CONFIG_TABLE, CONFIG_SHAPE, CONFIG_TRANSFORM, CONFIG_CLASH, CONFIG_TOKEN, with everything that is wrong in one message.
 */
export async function loadConfig(file: string, environment: Environment = process.env): Promise<PipelineConfig> {
  return await parseConfig(await readConfig(file), { file, folder: dirname(resolve(file)), environment })
}

/** The same for the text of one. Throws the same but CONFIG_MISSING. */
export async function parseConfig(text: string, place: ConfigPlace): Promise<PipelineConfig> {
  const { file, folder, environment } = place
  const document = new ConfigDocument(text)
  refuse(file, document.problems)
  place.amend?.(document)
  const expanded = expandScalars(document, environment, folder)
  const value = document.toValue()
  refuse(file, document.problems)

  const blocks = new Blocks(document, expanded, { folder, dataFolder: place.dataFolder ?? folder })
  const top = fileSchema.safeParse(value, { reportInput: true })
  const problems = top.success
    ? blocks.problems
    : blocks.problems.concat(problemsOf(top.error.issues, fileSchema, document, []))
  const record = isRecord(value) ? value : {}
  const writtenLog = { type: 'embedded', path: './data', ...(isRecord(record.log) ? record.log : {}) }
  const log = await blocks.one('log', ['log'], writtenLog, logShape)
  const sources = await blocks.all('source', 'sources', record.sources, {})
  const sinks = await blocks.all('sink', 'sinks', record.sinks, sinkShape)
  const http = top.success ? readHttp(top.data.http, document, problems) : undefined
  problems.push(...unknownTables(document, sources, sinks), ...clashes(document, log, sinks))
  problems.push(...sinks.flatMap(sink => shapeProblems(document, capturedBy(sources), sink)))
  const loaded = await Promise.all(sinks.map(sink => loadTransform(document, folder, sink, problems)))
  refuse(file, problems)
  if (!top.success || log === undefined) throw configError(file, problems)
  registerSecrets(value)
  return {
    pipeline: top.data.pipeline,
    folder,
    log: { plugin: log.plugin, options: log.options, path: String(log.shared.path) },
    sources: sources.map(({ name, plugin, options }): SourceConfig => ({ name, plugin, options })),
    sinks: sinks.map((sink, i) => sinkConfig(sink, loaded[i])),
    http,
  }
}

/** Throws CONFIG_MISSING. */
export async function readConfig(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const missing = errorCode(cause) === 'ENOENT'
    throw new TailraceError(
      'CONFIG_MISSING',
      'stop',
      missing ? `There is no file ${file}.` : `The file ${file} cannot be read (${errorCode(cause)}).`,
      { cause, hint: 'Name another with -c FILE, or write one with: tailrace init DATABASE_URL' },
    )
  }
}

function refuse(file: string, problems: readonly Problem[]): void {
  if (problems.length > 0) throw configError(file, problems)
}

/** Expands every text in place. Answers the scalars that were changed. */
function expandScalars(document: ConfigDocument, environment: Environment, folder: string): ReadonlySet<object> {
  const changed = new Set<object>()
  for (const scalar of document.scalars()) {
    if (typeof scalar.value !== 'string' || !scalar.value.includes('$')) continue
    try {
      const expansion = expand(scalar.value, environment, folder)
      registerExpanded(expansion)
      scalar.value = expansion.text
      if (expansion.used.length > 0) changed.add(scalar)
    } catch (error) {
      if (!isTailraceError(error)) throw error
      document.problems.push(document.problemAt(error.code, scalar, error.message, error.hint))
    }
  }
  return changed
}

function readHttp(
  http: { listen: string; token?: string | undefined } | false,
  document: ConfigDocument,
  problems: Problem[],
): HttpConfig | undefined {
  if (http === false) return undefined
  const address = parseListen(http.listen)
  if (address === undefined) {
    problems.push(document.problem('CONFIG_INVALID', ['http', 'listen'], 'a port is a number up to 65535'))
    return undefined
  }
  if (http.token === undefined && !isLoopback(address.host))
    problems.push(
      document.problem('CONFIG_TOKEN', ['http', 'listen'], 'listens beyond this machine without a token', {
        // biome-ignore lint/suspicious/noTemplateCurlyInString: shown to the user as written
        hint: 'Add http.token: ${TAILRACE_TOKEN}, or listen on 127.0.0.1.',
      }),
    )
  return { ...address, token: http.token }
}

function sinkConfig(
  { name, plugin, options, written, shared }: Block<'sink', typeof sinkShape>,
  loaded: LoadedTransform | undefined,
): SinkConfig {
  const { where, fields, schemaChanges, transform: _, ...others } = shared
  const shape = { where, fields, schemaChanges, transform: loaded?.told }
  const { tables } = shared
  return { name, type: String(written.type), plugin, options, ...others, tables, shape, transform: loaded?.transform }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
