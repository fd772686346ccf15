import { readFileSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { EventType } from '../../../connectors/mysql/binlog/event-types.ts'
import type { TableMap } from '../../../connectors/mysql/binlog/table-map.ts'
import { parseTransactionPayload } from '../../../connectors/mysql/binlog/transaction-payload.ts'
import type { Flavor } from '../../../connectors/mysql/wire-column.ts'
import { errorCode, errorMessage } from '../../../runtime/errors.ts'
import type { Random } from '../../crash/random.ts'
import { EventsReader } from './read-events.ts'

/** Errors that are an answer. */
const ANSWERS = new Set(['BINLOG_UNREADABLE', 'BINLOG_ENCRYPTED', 'VALUE_TOO_LARGE'])
/** What decompresses to half a megabyte takes all the time there is, and shows nothing more. */
const LARGEST_SEED = 4000
const LARGEST_PAYLOAD = 16_000
const SLOWEST_MS = 2000
/** What is written around an event: whoever reads beyond it reads either, and answers otherwise. */
const AROUND = 64
const PADDINGS = [0x00, 0xff]
const FILES = ['mysql-9.7-a', 'mysql-9.7-b', 'mariadb-10.11-a', 'mariadb-10.11-b']

/** An event as a server wrote it, and what rows need to be read. */
interface Seed {
  readonly bytes: Buffer
  readonly flavor: Flavor
  readonly map: TableMap | undefined
  /** Of a TABLE_MAP: the rows behind it. */
  readonly rows: Buffer | undefined
}

export interface MutationFigures {
  events: number
  refused: number
  read: number
  'slowest, ms': number
}

/**
 * Changes events of real logs, mends sizes and checksums, and reads them. Throws when one is not answered by a typed
 * error or by reading it, takes long, or is read otherwise when other bytes stand around it.
 */
export async function mutateEvents(random: Random, count: number): Promise<MutationFigures> {
  const seeds = await seedsOf(FILES)
  const reader = new EventsReader()
  const figures: MutationFigures = { events: 0, refused: 0, read: 0, 'slowest, ms': 0 }
  while (figures.events < count) {
    // What is closed or weakly held lives to the end of the turn.
    if (figures.events % 100 === 0) await nextTurn()
    const seed = seeds[random.between(0, seeds.length)]!
    const bytes = mended(mutate(seed.bytes, seeds[random.between(0, seeds.length)]!.bytes, random))
    const began = performance.now()
    const answers: string[] = []
    for (const padding of PADDINGS) answers.push(await answerTo(reader, seed, bytes, padding))
    const took = performance.now() - began
    if (answers[0] !== answers[1]) throw failure('is read beyond its end', bytes, answers.join('\n'))
    if (took > SLOWEST_MS) throw failure(`took ${took.toFixed(0)} ms`, bytes, answers[0]!)
    figures.events++
    if (answers[0]!.startsWith('refused')) figures.refused++
    else figures.read++
    figures['slowest, ms'] = Math.max(figures['slowest, ms'], Math.ceil(took))
  }
  return figures
}

async function answerTo(reader: EventsReader, seed: Seed, bytes: Buffer, padding: number): Promise<string> {
  reader.flavor = seed.flavor
  reader.told.length = 0
  reader.maps.clear()
  if (seed.map !== undefined) reader.maps.set(seed.map.tableId, seed.map)
  try {
    await readAmid(reader, bytes, padding)
    if (seed.rows !== undefined) await readAmid(reader, seed.rows, padding)
    return reader.told.join('\n')
  } catch (error) {
    if (!ANSWERS.has(errorCode(error) ?? ''))
      throw failure('is answered by another error', bytes, errorMessage(error), error)
    return `refused: ${errorMessage(error)}`
  }
}

async function readAmid(reader: EventsReader, bytes: Buffer, padding: number): Promise<void> {
  const amid = Buffer.alloc(bytes.length + 2 * AROUND, padding)
  bytes.copy(amid, AROUND)
  await reader.event(amid, AROUND, AROUND + bytes.length, 'crc32')
}

async function seedsOf(files: readonly string[]): Promise<Seed[]> {
  const seeds: Seed[] = []
  for (const file of files) {
    const bytes = readFileSync(new URL(`binlogs/${file}.bin`, import.meta.url))
    const reader = new EventsReader()
    for (let at = 4; at < bytes.length; ) {
      const next = at + bytes.readUInt32LE(at + 9)
      const event = bytes.subarray(at, next)
      await reader.event(bytes, at, next)
      if (event.length <= LARGEST_SEED && payloadSize(event) <= LARGEST_PAYLOAD) {
        const isMap = event[4] === EventType.tableMap
        const map = [...reader.maps.values()].at(-1)
        const rows = isMap ? bytes.subarray(next, next + bytes.readUInt32LE(next + 9)) : undefined
        seeds.push({
          bytes: event,
          flavor: reader.flavor,
          map: isMap ? undefined : (mapOf(event, reader) ?? map),
          rows,
        })
      }
      at = next
    }
  }
  return seeds
}

function payloadSize(event: Buffer): number {
  if (event[4] !== EventType.transactionPayload) return 0
  return parseTransactionPayload(event, 19, event.length - 4).uncompressedSize ?? 0
}

/** Of a rows event; others are not affected. */
function mapOf(event: Buffer, reader: EventsReader): TableMap | undefined {
  return reader.maps.get(event.readUIntLE(19, 6))
}

function mutate(original: Buffer, other: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(original)
  for (let changes = random.chance(0.5) ? 1 : random.between(1, 6); changes > 0; changes--)
    bytes = changed(bytes, other, random)
  return bytes
}

const EXTREMES = [0, 1, 2, 0x7f, 0x80, 250, 251, 252, 253, 254, 255]

function changed(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const end = bytes.length - 4
  const at = random.chance(0.05) ? random.between(0, 19) : random.between(Math.min(19, end), Math.max(20, end))
  if (at >= end) return bytes
  switch (random.between(0, 7)) {
    case 0:
      bytes[at]! ^= 1 << random.between(0, 8)
      return bytes
    case 1:
      bytes[at] = EXTREMES[random.between(0, EXTREMES.length)]!
      return bytes
    case 2:
      for (let i = at; i < Math.min(end, at + random.between(2, 9)); i++) bytes[i] = random.between(0, 256)
      return bytes
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(end, at + random.between(1, 20)))])
    case 5: {
      const from = random.between(0, other.length)
      const piece = other.subarray(from, from + random.between(1, 40))
      return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])
    }
    default: {
      const from = random.between(0, other.length)
      other.copy(bytes, at, from, Math.min(other.length, from + end - at))
      return bytes
    }
  }
}

/** With the size and the checksum that it should have. */
function mended(bytes: Buffer): Buffer {
  const whole = bytes.length < 23 ? Buffer.concat([bytes, Buffer.alloc(23 - bytes.length)]) : bytes
  whole.writeUInt32LE(whole.length, 9)
  whole.writeUInt32LE(crc32(whole.subarray(0, -4)), whole.length - 4)
  return whole
}

function failure(what: string, bytes: Buffer, answer: string, cause?: unknown): Error {
  return new Error(`An event ${what}: ${answer}\n${bytes.toString('hex')}`, { cause })
}
