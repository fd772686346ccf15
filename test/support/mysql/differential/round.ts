/**
 * One round: tables of random types, random statements, and two readers of the same binary log. In the end the rows of our
 * log are the server's, and each row of `@vlasky/zongji` is ours, except for its known faults.
 */
import { connectMysql } from '../../../../connectors/mysql/connection.ts'
import { defaultServerId } from '../../../../connectors/mysql/dump.ts'
import { parseGtidState } from '../../../../connectors/mysql/gtid/mariadb-state.ts'
import { parseGtidSet } from '../../../../connectors/mysql/gtid/mysql-set.ts'
import type { Random } from '../../../crash/random.ts'
import { executed } from '../../peers/zongji.ts'
import { until } from '../../until.ts'
import type { MysqlServer } from '../server.ts'
import type { TypeCase } from '../type-case.ts'
import { TYPE_CASES } from '../type-cases.ts'
import { casesOf } from '../typed-table.ts'
import { Comparison, UNDECIDED } from './compare.ts'
import { spoilsRows } from './faults.ts'
import { Followed } from './followed.ts'
import { Peer } from './peer.ts'
import { serverColumns, serverRows } from './server-rows.ts'
import { APART, KEY_SHAPES, RandomTable } from './tables.ts'
import { RandomWriter } from './writer.ts'

export interface RoundFigures {
  statements: number
  refused: number
  alterations: number
  transactions: number
  rows: number
  readonly faults: Map<string, number>
}

/** `database`: to be made for it. */
export async function differentialRound(
  server: MysqlServer,
  statements: number,
  random: Random,
): Promise<RoundFigures> {
  const database = await server.createDatabase()
  const all = casesOf(TYPE_CASES, server.flavor, server.version)
  const cases = all.filter(of => !spoilsRows(of, server.flavor))
  const apart = all.filter(of => spoilsRows(of, server.flavor))
  const tables = makeTables(cases, apart, random)
  for (const { create } of tables) await server.query(`SET SESSION sql_mode = ''; ${create}`, database)
  const connection = await server.connect({ database })
  const writer = new RandomWriter({
    connection,
    flavor: server.flavor,
    tables,
    cases,
    random,
  })
  await writer.prepare()
  // Some rows are there before the first load.
  await writer.write(Math.ceil(statements / 20))
  const url = `${server.url('root', database)}`
  const gtids = await executedNow(url)
  const appendOnly = tables.filter(({ shape }) => shape.appendOnly === true).map(({ name }) => `${database}.${name}`)
  await using followed = await Followed.open({ url, database, appendOnly })
  await using peer = new Peer({
    url,
    database,
    without: PASSED_OVER,
    gtids,
    serverId: defaultServerId(`peer ${database}`),
  })
  try {
    await followed.caughtUp()
    const begin = await executedNow(url)
    await writer.write(Math.ceil((statements * 9) / 20))
    // A reader that is behind: the tables are others already when it comes to their rows.
    await followed.stop()
    await writer.write(Math.floor(statements / 2))
    followed.restart()
    const last = await marker(server, database, url)
    await followed.caughtUp()
    await peer.reached(last)
    const comparison = new Comparison()
    const isBefore = seenBy(server, begin)
    const ids = new Set([...followed.operations.transactions.keys(), ...peer.transactions.keys()])
    let transactions = 0
    for (const id of ids) {
      // Of the time in which the first load was taken ours may have some as loaded rows.
      if (isBefore(id)) continue
      transactions++
      const ours = followed.operations.transactions.get(id) ?? []
      comparison.compare(
        id,
        ours.filter(({ table }) => !PASSED_OVER.includes(table.table)),
        peer.transactions.get(id) ?? [],
      )
    }
    await equalRows(server, database, followed)
    comparison.requireExplained()
    if (peer.undecided > 0) comparison.faults.set(UNDECIDED, peer.undecided)
    return {
      statements: writer.statements,
      refused: writer.refused,
      alterations: writer.alterations,
      transactions,
      rows: comparison.rows,
      faults: comparison.faults,
    }
  } catch (error) {
    throw new Error(`${String(error)}${peer.errors.map(text => `\nzongji: ${text}`).join('')}`, { cause: error })
  } finally {
    await connection.end()
  }
}

const APART_NAME = `t_${APART.name}`
/** It and what takes its place. */
const PASSED_OVER = [APART_NAME, `_${APART_NAME}_new`, `_${APART_NAME}_old`]

/** Every type once, spread over tables of every kind of key. */
function makeTables(read: readonly TypeCase[], apart: readonly TypeCase[], random: Random): RandomTable[] {
  const shuffled = read.map(of => ({ of, at: random.next() })).sort((a, b) => a.at - b.at)
  const own: TypeCase[][] = KEY_SHAPES.map(() => [])
  const isParted = KEY_SHAPES.map(({ options }) => options !== undefined)
  let next = 0
  for (const { of } of shuffled) {
    // Places cannot be in tables with partitions.
    if (isParted[next % own.length] && of.logical.kind === 'bytes') next++
    own[next++ % own.length]!.push(of)
  }
  return [...KEY_SHAPES, APART].map((shape, i) => {
    const columns = (own[i] ?? apart).map((of, place) => ({ name: `c${place}`, of }))
    return new RandomTable(`t_${shape.name}`, shape, columns)
  })
}

async function executedNow(url: string): Promise<string> {
  const client = await connectMysql({ url }, 'differential', AbortSignal.timeout(20_000))
  try {
    return await executed(client)
  } finally {
    client.destroy()
  }
}

/** A transaction behind all others; answers its GTID. */
async function marker(server: MysqlServer, database: string, url: string): Promise<string> {
  await server.query('CREATE TABLE t_last (id int PRIMARY KEY); INSERT INTO t_last VALUES (1)', database)
  const gtids = await executedNow(url)
  return server.flavor === 'mysql' ? gtids.replace(/:.*-/, ':') : gtids
}

function seenBy(server: MysqlServer, gtids: string): (id: string) => boolean {
  if (server.flavor === 'mariadb') {
    const state = parseGtidState(gtids)
    return id => state.includes(parseGtidState(id))
  }
  const set = parseGtidSet(gtids)
  return id => set.includes(parseGtidSet(id))
}

/** Rows that a statement changed without events are read again a moment later. */
async function equalRows(server: MysqlServer, database: string, followed: Followed): Promise<void> {
  let difference: string | undefined
  const isEqual = async (): Promise<boolean> => {
    await followed.caughtUp()
    difference = await differenceOf(server, database, followed)
    return difference === undefined
  }
  await until(isEqual, 'our rows are the server’s').catch(error => {
    throw new Error(`${String(error)}: ${difference}`)
  })
}

/** How the rows of our log differ from the server's; undefined: they do not. */
async function differenceOf(server: MysqlServer, database: string, followed: Followed): Promise<string | undefined> {
  const listed = await server.query(`SHOW TABLES FROM ${database}`)
  for (const entry of listed) {
    const [name] = Object.values(entry)
    const ours = followed.operations.rows(database, name!)
    if (ours === undefined) return `the log does not know ${name}`
    const names = ours.table.columns.map(column => column.name)
    const columns = await serverColumns(server, ours.table)
    if (columns.join() !== names.join()) return `${name} has ${columns.join()}, and in the log ${names.join()}`
    const theirs = new Set((await serverRows(server, ours.table)).map(row => JSON.stringify(row)))
    const mine = new Map(ours.rows.map(({ texts, said }) => [JSON.stringify(texts), said]))
    const extra = [...mine].filter(([row]) => !theirs.has(row)).map(([row, said]) => `${row} (${said.join('; ')})`)
    const missing = [...theirs].filter(row => !mine.has(row))
    if (extra.length === 0 && missing.length === 0 && ours.rows.length === (await count(server, database, name!)))
      continue
    const described = ours.table.columns.map(({ name: column, declared }) => `${column} ${declared}`)
    return `${name} (${described}): only in the log: ${extra.slice(0, 2)}; only at the server: ${missing.slice(0, 2)}; version ${ours.table.version}`
  }
  return undefined
}

async function count(server: MysqlServer, database: string, table: string): Promise<number> {
  const [row] = await server.query(`SELECT COUNT(*) AS n FROM \`${table}\``, database)
  return Number(row!.n)
}
