/** What `check` finds at a MySQL or MariaDB server, and what becomes of it when that is mended as it says. */
import { checkMysql } from '../../../connectors/mysql/check.ts'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import { MysqlSource } from '../../../connectors/mysql/source.ts'
import type { Finding, SourceContext } from '../../../runtime/contract.ts'
import { createLogger } from '../../../runtime/logger.ts'
import type { MysqlServer } from './server.ts'

export const context: SourceContext = { pipeline: 'shop', name: 'app', logger: createLogger('silent'), folder: '/tmp' }
export const signal = (): AbortSignal => AbortSignal.timeout(30_000)

export type Options = Record<string, unknown> & { readonly tables: readonly string[] }

export async function check(url: string, options: Options): Promise<readonly Finding[]> {
  return await checkMysql(mysqlConfig.parse({ url, ...options }), context, signal())
}

export const withCode = (findings: readonly Finding[], code: string): Finding[] =>
  findings.filter(one => one.code === code)
export const errors = (findings: readonly Finding[]): string[] =>
  findings.filter(({ level }) => level === 'error').map(({ code, message }) => `${code} ${message}`)

/** What a source with this configuration does at its start: its code, or `begins`. */
export async function startOf(url: string, options: Options): Promise<string> {
  await using source = new MysqlSource(mysqlConfig.parse({ url, ...options }), context)
  try {
    await source.start(undefined, signal())
    return 'begins'
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Does what a finding says, as it says it: SQL as root, an option of the server, or an edit of the source. */
export async function apply(server: MysqlServer, { fix }: Finding, options: Options): Promise<Options> {
  const text = fix!.replace(/ -- [\s\S]*$/, '')
  const option = /^\[mysqld\] (\w+) = (.*)$/.exec(text)
  const edit = /^(serverId|exclude|cascades): (.*)$/.exec(text)
  if (option !== null) await server.restart([`--${option[1]}=${option[2]}`])
  else if (edit !== null) return { ...options, [edit[1]!]: edited(edit[2]!) }
  else await server.query(text)
  return options
}

function edited(text: string): unknown {
  const list = /^\[(.*)\]$/.exec(text)
  if (list !== null) return [list[1]]
  const every = /^\{ resync: (\w+) \}$/.exec(text)
  return every === null ? Number(text) : { resync: every[1] }
}

/** What a start answers where nothing is in its way. */
export const BEGINS = 'begins'
