import type { MysqlClient } from './connection.ts'
import { quoteText } from './quote.ts'

/** What a user may do, with the roles that are active. */
export interface Grants {
  /** `'user'@'host'`, as GRANT takes it: the account that the server has found for the login. */
  readonly account: string
  /** Whether one of these privileges is granted on everything. */
  anywhere(...privileges: string[]): boolean
  /** The same on everything, or on all tables of a database. */
  within(database: string, ...privileges: string[]): boolean
}

export async function readGrants(client: MysqlClient): Promise<Grants> {
  const [row] = await client.query('SELECT CURRENT_USER(), CURRENT_ROLE()')
  const [account, roles] = [row![0]!, row![1] ?? '']
  // MariaDB adds the active role's by itself.
  const using =
    client.flavor === 'mysql' && roles !== '' && roles !== 'NONE' ? ` FOR CURRENT_USER() USING ${roles}` : ''
  const lines = await client.query(`SHOW GRANTS${using}`)
  return parseGrants(
    account,
    lines.map(([line]) => line!),
  )
}

const GRANT = /^GRANT ([\s\S]+?) ON (?:(\*)|`((?:[^`]|``)+)`)\.\* TO /

/** `account`: as CURRENT_USER() names it, `user@host`. `lines`: of SHOW GRANTS. */
export function parseGrants(account: string, lines: readonly string[]): Grants {
  const anywhere = new Set<string>()
  const databases: { readonly pattern: RegExp; readonly privileges: ReadonlySet<string> }[] = []
  for (const line of lines) {
    const match = GRANT.exec(line)
    if (match === null) continue
    const privileges = match[1]!.split(',').map(one => one.trim().toUpperCase())
    if (match[2] !== undefined) for (const one of privileges) anywhere.add(one)
    else databases.push({ pattern: likePattern(match[3]!.replaceAll('``', '`')), privileges: new Set(privileges) })
  }
  const hasOne = (granted: ReadonlySet<string>, wanted: readonly string[]): boolean =>
    ['ALL PRIVILEGES', ...wanted].some(one => granted.has(one))
  const at = account.lastIndexOf('@')
  return {
    account: `${quoteText(account.slice(0, at))}@${quoteText(account.slice(at + 1))}`,
    anywhere: (...wanted) => hasOne(anywhere, wanted),
    within: (database, ...wanted) =>
      hasOne(anywhere, wanted) ||
      databases.some(({ pattern, privileges }) => pattern.test(database) && hasOne(privileges, wanted)),
  }
}

/** As the server matches a database's name: `%` and `_` stand for anything, unless a backslash is before them. */
function likePattern(text: string): RegExp {
  const source = text.replaceAll(/\\[%_\\]|%|_|[^%_\\]+|\\/g, part => {
    if (part === '%') return '[\\s\\S]*'
    if (part === '_') return '[\\s\\S]'
    return (/^\\[%_\\]$/.test(part) ? part.slice(1) : part).replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  return new RegExp(`^${source}$`, 'u')
}
