/** The servers that a long run goes over. */
import type { Flavor } from './releases.ts'

export interface FullServer {
  readonly name: string
  readonly flavor: Flavor
  readonly options: readonly string[]
  /** Without GTIDs tables are locked for a moment. */
  readonly locks: boolean
}

const ALL: readonly FullServer[] = [
  { name: 'mysql', flavor: 'mysql', options: [], locks: false },
  {
    name: 'mysql-without-gtids',
    flavor: 'mysql',
    options: ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'],
    locks: true,
  },
  { name: 'mariadb', flavor: 'mariadb', options: [], locks: false },
]

/** `--server NAME`: only this one. */
export function fullServers(args: readonly string[]): readonly FullServer[] {
  const at = args.indexOf('--server')
  if (at === -1) return ALL
  const chosen = ALL.filter(({ name }) => name === args[at + 1])
  if (chosen.length === 0) throw new Error(`--server is one of: ${ALL.map(({ name }) => name).join(' ')}`)
  return chosen
}

/** The number behind `--name`. */
export function numberOf(args: readonly string[], name: string, otherwise: number): number {
  const at = args.indexOf(`--${name}`)
  return at === -1 ? otherwise : Number(args[at + 1])
}
