import { abortable } from '../../runtime/abort.ts'
import type { Generation, SinkContext } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Address } from './address.ts'
import { Connection } from './connection.ts'
import { FIELD } from './cursor-row.ts'
import { GenerationRows, type Step } from './generation-rows.ts'
import { OWN } from './key-names.ts'
import { hidden, moveBack, moveGone, moveRest, removeStrays } from './moves.ts'
import { removeGenerations } from './remove.ts'

/**
 * Generations of a sink: keys and cursor rows under hidden names in the same database. They are renamed a page at a time,
 * which readers of the live keys do not notice as they get each key by itself. How far that has come stands in the
 * rows, and whoever comes next after a crash ends it.
 */

/** As `Generations.swap`. */
export async function swap(address: Address, context: SinkContext, signal: AbortSignal): Promise<void> {
  await using connection = await connect(address, context, signal)
  await finish(connection, context, signal)
  const found = await GenerationRows.read(connection, context, signal)
  if (!found.isThere('next')) return
  await tryRights(connection, found, signal)
  // An older previous one, and whatever else lies where live keys are to go.
  await removeGenerations(connection, context, ['previous'], signal, found.names(undefined))
  const rows = await GenerationRows.take(connection, context, signal)
  await removeStrays(connection, rows, signal)
  await enter('gone', rows, signal)
  await finish(connection, context, signal)
}

/** As `Generations.recall`. */
export async function recall(address: Address, context: SinkContext, signal: AbortSignal): Promise<boolean> {
  await using connection = await connect(address, context, signal)
  if ((await finish(connection, context, signal)) === 'recall') return true
  const found = await GenerationRows.read(connection, context, signal)
  if (!found.isThere('previous')) return false
  await removeGenerations(connection, context, ['next'], signal, found.names('previous'))
  const rows = await GenerationRows.take(connection, context, signal)
  const becomes = rows.of('previous').flatMap(({ source, key }) => {
    const next = rows.at('next', source).key
    return [
      ['RENAME', key, next],
      ['HSET', next, FIELD.step, 'recall' satisfies Step, FIELD.epoch, rows.nextEpoch],
      ['SREM', OWN, key],
      ['SADD', OWN, next],
    ]
  })
  await rows.change(becomes, signal)
  await finish(connection, context, signal)
  return true
}

/** As `Generations.drop`. */
export async function drop(
  address: Address,
  context: SinkContext,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> {
  await using connection = await connect(address, context, signal)
  await finish(connection, context, signal)
  await removeGenerations(connection, context, [generation], signal)
}

/** Removes all generations. Answers a line for each thing removed. */
export async function removeAll(address: Address, context: SinkContext, signal: AbortSignal): Promise<string[]> {
  await using connection = await connect(address, context, signal)
  return await removeGenerations(connection, context, ['next', 'previous', undefined], signal)
}

/**
 * Before a target is opened: ends a swap, or a recall, that was cut off. Live and next generation may be opened at once,
 * so each ends only what concerns it. Throws TARGET_BUSY where the other one is to end it.
 */
export async function settle(address: Address, context: SinkContext, signal: AbortSignal): Promise<void> {
  await using connection = await connect(address, context, signal)
  const { step } = await GenerationRows.read(connection, context, signal)
  if (step === undefined || (context.generation === undefined && step === 'recall')) return
  if (context.generation !== (step === 'recall' ? 'next' : undefined))
    throw new TailraceError('TARGET_BUSY', 'retry', `A change of generations of ${context.name} was cut off.`, {
      hint: `Nothing: it is completed when the ${step === 'recall' ? 'next' : 'live'} one is opened, or at the next swap.`,
    })
  await finish(connection, context, signal)
}

function connect(address: Address, { pipeline, name }: SinkContext, signal: AbortSignal): Promise<Connection> {
  return Connection.open(address, `tailrace:${pipeline}:${name}`, signal)
}

/** Takes all steps that are left. Answers the last one. */
async function finish(connection: Connection, context: SinkContext, signal: AbortSignal): Promise<Step | undefined> {
  let { step } = await GenerationRows.read(connection, context, signal)
  let last: Step | undefined
  while (step !== undefined) {
    const rows = await GenerationRows.take(connection, context, signal)
    await STEPS[step](connection, rows, signal)
    last = step
    step = (await GenerationRows.read(connection, context, signal)).step
  }
  return last
}

const STEPS: Readonly<Record<Step, (c: Connection, rows: GenerationRows, signal: AbortSignal) => Promise<void>>> = {
  async gone(connection, rows, signal) {
    await moveGone(connection, rows, signal)
    await enter('rest', rows, signal)
  },
  async rest(connection, rows, signal) {
    await moveRest(connection, rows, signal)
    await exchange(rows, signal)
  },
  async recall(connection, rows, signal) {
    await moveBack(connection, rows, signal)
    await enter(undefined, rows, signal)
  },
}

async function enter(step: Step | undefined, rows: GenerationRows, signal: AbortSignal): Promise<void> {
  const commands = rows
    .of('next')
    .map(({ key }) => (step === undefined ? ['HDEL', key, FIELD.step] : ['HSET', key, FIELD.step, step]))
  await rows.change(commands, signal)
}

/** The rows of all sources follow their keys. */
async function exchange(rows: GenerationRows, signal: AbortSignal): Promise<void> {
  const epoch = rows.nextEpoch
  const commands = rows.sources.flatMap(source => {
    const live = rows.at(undefined, source)
    const next = rows.at('next', source)
    const previous = rows.at('previous', source)
    const leaves = [
      ['RENAME', live.key, previous.key],
      ['SREM', OWN, live.key],
      ['SADD', OWN, previous.key],
    ]
    const comes = [
      ['RENAME', next.key, live.key],
      ['HDEL', live.key, FIELD.step],
      ['HSET', live.key, FIELD.epoch, epoch],
      ['SREM', OWN, next.key],
      ['SADD', OWN, live.key],
    ]
    return [...(live.fields.size > 0 ? leaves : []), ...(next.fields.size > 0 ? comes : [])]
  })
  await rows.change(commands, signal)
}

/** Throws SINK_AUTH before anything has moved. */
async function tryRights(connection: Connection, rows: GenerationRows, signal: AbortSignal): Promise<void> {
  const [name = OWN] = rows.names('next')
  const key = Buffer.from(`${name}:`)
  const commands = [
    ['EXISTS', key],
    ['RENAME', hidden('next', key), key],
    ['RENAME', key, hidden('previous', key)],
  ]
  await abortable(connection.askAll([['MULTI'], ...commands, ['DISCARD']]), signal)
}
