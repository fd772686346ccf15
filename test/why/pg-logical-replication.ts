/** A committed transaction that the package never delivers, and ours does: one server, two readers, one restart. */
import { createRequire } from 'node:module'
import type { Pgoutput } from 'pg-logical-replication'
import { commitPair } from '../support/commit-pair.ts'
import { livePackage } from '../support/peers/package-life.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'
import { until } from '../support/until.ts'
import type { Why } from './main.ts'

const PEER = 'pg-logical-replication'
const OURS = 'Tailrace'
const WIDTH = 26

const { version } = createRequire(import.meta.url)('pg-logical-replication/package.json') as { version: string }

/** A reader with a slot: each life is a process that reads until it has stored order `last`, and then is stopped. */
interface Reader {
  readonly name: string
  readonly slot: string
  readonly stored: () => readonly number[]
  live(last: number): Promise<void>
}

const why: Why = async say => {
  await using server = await startPostgres()
  const [setting] = await server.sql('SHOW server_version')
  await server.sql('CREATE TABLE orders (id int PRIMARY KEY); CREATE PUBLICATION orders FOR TABLE orders')
  const readers = [await packageReader(server), await ourReader(server)]
  say(
    `A PostgreSQL ${setting!.server_version} with a table "orders". Two readers follow it, each with a slot of its own:`,
  )
  say(`  ${PEER.padEnd(WIDTH)}release ${version}, as its README shows it, with its defaults`)
  say(`  ${OURS.padEnd(WIDTH)}its PostgreSQL source`)
  say()

  let order = 0
  const told = new Map<string, string>()
  const { lsn } = await commitPair(
    server,
    'postgres',
    () => `INSERT INTO orders VALUES (${++order})`,
    async () => {
      for (const reader of readers) await reader.live(order - 1)
      for (const { name, slot } of readers) told.set(name, await confirmed(server, slot))
    },
  )
  const [a, b, c] = [order - 1, order, order + 1] as const
  say(`1. Two clients have a transaction open: one inserts order ${a}, the other order ${b}.`)
  say(`2. The first commits. Its commit ends at ${lsn} in the server's log.`)
  say(`3. Both readers receive order ${a}, store it and acknowledge it. What the server has noted of it:`)
  for (const { name } of readers) say(`     ${name.padEnd(WIDTH)}"I have everything up to ${told.get(name)}"`)
  say('4. Both readers are stopped, as by a deploy.')
  say(`5. The second client commits. Its commit begins at ${lsn}: right behind the first.`)
  await server.sql(`INSERT INTO orders VALUES (${c})`)
  for (const reader of readers) await reader.live(c)
  say(`6. Both readers are started again. Order ${c} is inserted, and both receive it.`)
  say()

  const orders = [a, b, c]
  const table = [
    ['', ...orders.map(id => `order ${id}`)],
    ['the database', ...orders.map(() => 'yes')],
    ...readers.map(({ name, stored }) => [name, ...orders.map(id => (stored().includes(id) ? 'yes' : 'LOST'))]),
  ]
  for (const [head = '', ...cells] of table)
    say((head.padEnd(WIDTH) + cells.map(cell => cell.padEnd(12)).join('')).trimEnd())
  say()
  const [theirs, own] = readers.map(({ stored }) => orders.filter(id => !stored().includes(id)))
  if (own!.length > 0) say(`${OURS} lost an order: that is an error of ours, please report it.`)
  else if (theirs!.length === 0) say(`${PEER} ${version} lost nothing: this release has mended it.`)
  else explain(say, { lsn, told: told.get(PEER)!, order: b })
  return own!.length === 0 && theirs!.length > 0
}

function explain(say: (line?: string) => void, facts: { lsn: string; told: string; order: number }): void {
  say(
    `Why: the package acknowledges one byte more than it has received, ${facts.told} and not ${facts.lsn}. A server passes`,
  )
  say(
    `over every transaction whose commit begins below what a reader has acknowledged, and the commit of order ${facts.order}`,
  )
  say(`begins at ${facts.lsn}. There was no error and no warning, and nothing will ever bring it back.`)
  say(`${OURS} acknowledges the end of a commit, exactly, and only once its own log has it on disk.`)
}

async function packageReader(server: PostgresServer): Promise<Reader> {
  const slot = 'package'
  await server.sql(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
  const stored: number[] = []
  return {
    name: PEER,
    slot,
    stored: () => stored,
    async live(last) {
      await untilFree(server, slot)
      await livePackage({
        url: server.url(),
        slot,
        publication: 'orders',
        handle(message: Pgoutput.Message) {
          if (message.tag === 'insert') stored.push(Number(message.new.id))
          return message.tag === 'commit' && stored.at(-1) === last
        },
      })
      await untilFree(server, slot)
    },
  }
}

async function ourReader(server: PostgresServer): Promise<Reader> {
  const rig = new StreamRig(server.url())
  await rig.begin()
  const stored = (): number[] => rig.log.texts.map(text => Number(/\[(\d+)\]$/.exec(text)?.[1]))
  return {
    name: OURS,
    slot: rig.slot,
    stored,
    async live(last) {
      const signal = AbortSignal.timeout(30_000)
      await using source = rig.open()
      for await (const { end } of rig.stream(source, signal)) {
        if (end?.lane !== 'stream') continue
        source.ack(end.position)
        if (stored().at(-1) !== last) continue
        await until(async () => (await confirmed(server, rig.slot)) === end.position, 'the server has noted it')
        return
      }
    },
  }
}

async function confirmed(server: PostgresServer, slot: string): Promise<string> {
  const text = 'SELECT confirmed_flush_lsn AS lsn FROM pg_replication_slots WHERE slot_name = $1'
  return (await server.sql(text, [slot]))[0]!.lsn!
}

async function untilFree(server: PostgresServer, slot: string): Promise<void> {
  const text = 'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND NOT active'
  await until(async () => (await server.sql(text, [slot])).length === 1, 'the slot is free')
}

export default why
