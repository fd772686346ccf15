import { writeFile } from 'node:fs/promises'
import { errorCode, TailraceError } from '../errors.ts'
import { registerSecret } from '../logger.ts'
import { builtInPlugins, loadPlugin } from '../plugin.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { initialConfig } from './init-file.ts'
import { paint } from './terminal.ts'

export interface InitOptions {
  /** The database's URL. */
  readonly argument?: string
  readonly pipeline?: string
  readonly force?: boolean
}

/** URL schemes that are not the name of a source. */
const SCHEMES: Readonly<Record<string, string>> = { postgresql: 'postgres', mariadb: 'mysql' }

/** Looks into a database, writes a commented configuration for it and prints the SQL that it needs. */
export async function init(context: Context, { argument, pipeline, force }: InitOptions): Promise<number> {
  const { io, json, config: file, signal } = context
  const url = parseUrl(argument ?? '')
  if (url.password !== '') registerSecret(decodeURIComponent(url.password))
  const scheme = url.protocol.slice(0, -1)
  const type = SCHEMES[scheme] ?? scheme
  if (!builtInPlugins('source').includes(type)) throw unknownScheme(scheme)
  const { discover } = await loadPlugin('source', type, '.')
  if (discover === undefined) throw unknownScheme(scheme)
  const name = pipelineName(pipeline ?? decodeURIComponent(url.pathname.slice(1)))
  const found = await discover(url.href, name, signal)
  await writeNew(file, initialConfig(name, type, found), force === true)
  if (json) printJson(io, { file, pipeline: name, ...found })
  else {
    const usable = found.tables.filter(({ problem }) => problem === undefined).length
    print(io, `Wrote ${file}: ${usable} of ${found.tables.length} tables can be captured.`)
    if (found.sql.length > 0) {
      print(io, `\nAt the database, as a user who may:\n`)
      for (const statement of found.sql) print(io, paint(io.out, 'cyan', `  ${statement.replaceAll('\n', '\n  ')}`))
    }
    print(io, `\nThen:\n  export DATABASE_URL='...'\n  tailrace check -c ${file}\n  tailrace run -c ${file}`)
  }
  return EXIT.fine
}

function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url !== null) return url
  throw new TailraceError('USAGE', 'stop', 'The database is not named by a URL.', {
    hint: 'tailrace init postgres://user:password@host:5432/database, or mysql://user:password@host:3306/database',
  })
}

function unknownScheme(scheme: string): TailraceError {
  return new TailraceError('USAGE', 'stop', `No source can look into a ${scheme} database.`, {
    hint: 'tailrace init postgres://user:password@host:5432/database, or mysql://user:password@host:3306/database',
  })
}

/** The nearest name that a pipeline may have. */
function pipelineName(wanted: string): string {
  const name = wanted
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, 31)
  return name === '' ? 'main' : name
}

async function writeNew(file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' })
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause
    throw new TailraceError('FILE_EXISTS', 'stop', `There is already a file ${file}.`, {
      cause,
      hint: 'Give another name with -c, or replace it with --force.',
    })
  }
}
