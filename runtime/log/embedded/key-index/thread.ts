import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { trimAfterStart } from '../../../large-memory.ts'
import { giveWay } from '../../../thread-priority.ts'
import { realFs } from '../fs.ts'
import { CompactedSet } from './compacted-set.ts'
import { cleanRows, liveOffsets } from './compaction-walks.ts'
import { Evidence } from './evidence.ts'
import { Finder, type Found } from './finder.ts'
import { type ForgetPlace, ForgottenKeys } from './forgotten-keys.ts'
import { Indexer } from './indexer.ts'
import { KeyStates } from './key-states.ts'
import {
  type Answers,
  type Durable,
  type FromThread,
  type OpenUnit,
  packFailure,
  type ThreadData,
  type ToThread,
} from './messages.ts'
import { closeIndex, OPEN_UNIT_FOLDER, openIndex } from './opening.ts'
import { type KeyRequest, type PackedRecord, RecordPacker, RunPacker, unpackKey } from './packing.ts'
import { Records } from './records.ts'
import { Store } from './store.ts'
import { Trail } from './trail.ts'
import { unseenKeys } from './unseen.ts'

/** The thread in which the index trails the durable log and is asked. One message after the other. */

/** Bytes of the log that go into the store in one write. */
const WRITE_BYTES = 1024 * 1024
/** Records in one answer. */
const ANSWER_BYTES = 2 * 1024 * 1024

// The log is ahead of it anyway, and whoever follows the log shall not wait for it.
giveWay('others')

const port = parentPort!
const data = workerData as ThreadData
const place = { fs: realFs, folder: data.folder, logId: data.logId }
const post = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)

/** A store with what fills it and what looks into it. */
interface Part {
  readonly store: Store
  readonly indexer: Indexer
  readonly finder: Finder
  readonly records: Records
  readonly trail: Trail
}

const { store, state, discarded } = await openIndex(data)
const compacted = new CompactedSet(data.compacted)
const main = await partOf(store, state?.applied ?? 0, state?.place)
/** What a unit that is being written holds; made when it is first asked for. */
let unit: (Part & { readonly number: number }) | undefined

async function partOf(of: Store, applied: number, from: OpenUnit['from'], next?: number): Promise<Part> {
  const indexer = await Indexer.open(of, applied)
  indexer.know(data.tables)
  const trail = new Trail(place, compacted, from, next ?? (applied > 0 ? applied + 1 : data.first))
  const records = new Records(data.folder, compacted)
  return { store: of, indexer, finder: new Finder(of, indexer, records, compacted), records, trail }
}

const evidence = await Evidence.load(store, main.indexer.incarnations)
const forgotten = new ForgottenKeys()
const keyStates = new KeyStates(store, compacted, main.indexer.incarnations, evidence, forgotten)
/** What goes on beside the messages. The store stays open for it. */
const walks = new Set<Promise<void>>()
/** Those among them that wait for the others. */
const waiting = new Set<Promise<void>>()

/** Brings the index to the end of what is durable: never beyond, or it would outlive what a crash takes away. */
async function follow({ place: until, end }: Durable): Promise<void> {
  const { trail, indexer } = main
  while (trail.next <= end && !closing) {
    for (let bytes = 0; bytes < WRITE_BYTES && trail.next <= end; ) {
      const chunk = (await trail.read(until))!
      bytes += chunk.payload.length
      indexer.add(chunk)
      trail.giveBack(chunk)
    }
    await indexer.commit(data.logId)
    post({
      kind: 'applied',
      place: trail.place!,
      applied: trail.next - 1,
      incomplete: indexer.incomplete.counts(),
    })
  }
}

/** Brings the store of the open unit to what is written of it. */
async function followUnit({ number, base, from, written }: OpenUnit): Promise<Part> {
  if (unit?.number !== number) {
    await forgetUnit()
    const scratch = await Store.open(join(data.folder, OPEN_UNIT_FOLDER))
    unit = { ...(await partOf(scratch, 0, from, base)), number }
    for (const table of main.indexer.incarnations.tables()) unit.indexer.incarnations.know(table)
  }
  const { trail, indexer } = unit
  for (let bytes = 0, chunk = await trail.read(written); chunk !== undefined; chunk = await trail.read(written)) {
    bytes += chunk.payload.length
    indexer.add(chunk)
    trail.giveBack(chunk)
    if (bytes < WRITE_BYTES) continue
    await indexer.commit(data.logId)
    bytes = 0
  }
  await indexer.commit(data.logId)
  return unit
}

async function forgetUnit(): Promise<void> {
  const old = unit
  unit = undefined
  if (old !== undefined) await closePart(old)
  await old?.store[Symbol.asyncDispose]()
  await Store.remove(join(data.folder, OPEN_UNIT_FOLDER))
}

/** First in the open unit, then in the index: the newest wins, and what ended a key there ends it here. */
function find(request: KeyRequest, open: Part | undefined, into: RecordPacker): PackedRecord | undefined {
  let found: Found = open === undefined ? 'unknown' : open.finder.find(request, into)
  if (found === 'unknown') found = main.finder.find(request, into)
  return typeof found === 'string' ? undefined : found
}

async function answer({ id, keys, durable, open }: Extract<ToThread, { kind: 'find' }>): Promise<void> {
  if (durable !== undefined) await follow(durable)
  const part = open === undefined ? undefined : await followUnit(open)
  if (closing) return
  for (let from = 0; from < keys.of.length; ) {
    const packer = new RecordPacker()
    const records: (PackedRecord | undefined)[] = []
    while (packer.at < ANSWER_BYTES && from + records.length < keys.of.length)
      records.push(find(unpackKey(keys, from + records.length), part, packer))
    const { bytes } = packer
    post({ kind: 'found', id, from, bytes, records }, [bytes.buffer])
    from += records.length
  }
}

async function answerQuestion({ id, question, durable }: Extract<ToThread, { kind: 'ask' }>): Promise<void> {
  // What is known of the passes themselves is told also while the index is far behind.
  const isOfRows = ['states', 'live', 'rows', 'forget'].includes(question.about) || 'limit' in question
  if (durable !== undefined && isOfRows) await follow(durable)
  if (closing) return
  const say = (answer: Answers[keyof Answers]): void => post({ kind: 'answer', id, answer })
  if (question.about === 'states') {
    say((await keyStates.find(question)) ?? 'lost')
    return
  }
  const { incarnations, incomplete } = main.indexer
  if (question.about === 'live') {
    const walk = liveOffsets(store, incarnations, compacted.expiredTo, question, () => closing)
    beside(tell(walk, found => post({ kind: 'answer', id, answer: found }, [found.bits.buffer])))
    return
  }
  if (question.about === 'compacted') {
    compacted.replace(question)
    main.records.moved()
    unit?.records.moved()
    say(undefined)
    return
  }
  if (question.about === 'clean') {
    const walk = cleanRows(incarnations, compacted, { store, inTurn, walksEnded }, () => closing)
    beside(tell(walk, say), true)
    return
  }
  if (question.about === 'rows' || question.about === 'forget') {
    const of: ForgetPlace = { store, incarnations, incomplete, evidence, inTurn, walksEnded, dropUnit: forgetUnit }
    if (question.about === 'rows') {
      say(forgotten.newest(of, question.rows))
      return
    }
    const walk = tell(
      forgotten.forget(of, question.rows, question.below).then(() => undefined),
      say,
    )
    beside(walk, true)
    return
  }
  const life = incarnations.find(question.table, question.incarnation)
  if (question.about === 'incomplete') {
    const { after, limit } = question
    say(life === undefined ? new RunPacker(0).packed() : await incomplete.list(life, after, limit))
  } else if (question.about === 'unseen') {
    const { pass, after, limit } = question
    const number = evidence.find(life, pass)
    if (life === undefined || number === undefined) say('lost')
    else
      beside(
        tell(
          unseenKeys(store, life, number, after, limit, () => closing),
          say,
        ),
      )
  } else if (question.about === 'has') say(evidence.find(life, question.pass) !== undefined)
  else {
    if (question.about === 'begin') await evidence.begin(question.table, question.incarnation, question.pass)
    else await evidence.end(life, question.pass)
    say(undefined)
    beside(evidence.clear())
  }
}

/** One that was cut short tells nothing: little found would mean that there is no more. */
async function tell<T>(walk: Promise<T>, say: (answer: T) => void): Promise<void> {
  const found = await walk
  if (!closing) say(found)
}

/** Long work that nothing has to wait for: the index follows its log meanwhile. `waits`: for all others. */
function beside(work: Promise<void>, waits = false): void {
  const walk: Promise<void> = work.catch(fail).finally(() => {
    walks.delete(walk)
    waiting.delete(walk)
  })
  walks.add(walk)
  if (waits) waiting.add(walk)
}

async function walksEnded(): Promise<void> {
  await Promise.all([...walks].filter(walk => !waiting.has(walk)))
}

function fail(error: unknown): void {
  post({ kind: 'failed', error: packFailure(error) })
  port.close()
}

/** All but the store. A dropped unit's files may come again with other content, so none of them stays open. */
async function closePart({ trail, records }: Part): Promise<void> {
  records[Symbol.dispose]()
  await trail[Symbol.asyncDispose]()
}

async function close(): Promise<void> {
  await forgetUnit()
  await Promise.all(walks)
  await closePart(main)
  await closeIndex(main.store, data.folder)
  port.close()
}

async function take(message: ToThread): Promise<void> {
  if (message.kind === 'close') await close()
  else if (closing) return
  else if (message.kind === 'follow') await follow(message.durable)
  else if (message.kind === 'ask') await answerQuestion(message)
  else await answer(message)
}

/** What is under way ends soon; the next opening goes on from there. */
let closing = false
let turn: Promise<void> = forgetUnit()

/** Between messages: the index does not move meanwhile. */
function inTurn(work: () => Promise<void>): Promise<void> {
  turn = turn.then(work)
  return turn
}

port.on('message', (message: ToThread) => {
  if (message.kind === 'close') closing = true
  turn = turn.then(() => take(message))
  turn.catch(fail)
})
beside(evidence.clear())
post({
  kind: 'opened',
  place: state?.place,
  applied: state?.applied ?? 0,
  incomplete: main.indexer.incomplete.counts(),
  discarded,
})
trimAfterStart()
