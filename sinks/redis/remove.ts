import type { SinkContext } from '../../runtime/contract.ts'
import type { Connection } from './connection.ts'
import { FIELD } from './cursor-row.ts'
import { GENERATIONS, type GenerationRow, GenerationRows, namesOf, type Which } from './generation-rows.ts'
import { OWN, patternOf } from './key-names.ts'
import { hiddenNames } from './moves.ts'
import { sweep } from './scan.ts'

/** Of what mode the layout is. */
export const INVALIDATES = 'invalidate'

const NO_NAMES: ReadonlySet<string> = new Set()

/**
 * Removes the keys of every table that these generations of the sink hold, and their cursors; live keys that it only
 * invalidated are the application's. A process that still writes is fenced. From the first moment on no cursor vouches
 * for what is left. `also`: names under which there may be keys besides. Answers a line for each.
 */
export async function removeGenerations(
  connection: Connection,
  context: SinkContext,
  generations: readonly Which[],
  signal: AbortSignal,
  also = NO_NAMES,
): Promise<string[]> {
  const found = await GenerationRows.read(connection, context, signal)
  const keys = generations.flatMap(which => found.of(which).map(({ key }) => key))
  if (keys.length === 0 && also.size === 0) return []
  const forget = keys.map(key => ['HDEL', key, FIELD.cursor])
  await (await GenerationRows.take(connection, context, signal)).change(forget, signal)
  const rows = await GenerationRows.take(connection, context, signal)
  const done: string[] = []
  for (const which of generations) {
    const names = hiddenNames(which, new Set([...keyNames(rows, which), ...also]))
    for (const [name, count] of await sweep(connection, rows, names, signal))
      done.push(`removed ${count} keys ${patternOf(name)} at ${connection.server}`)
  }
  const forgetRows = keys.flatMap(key => [
    ['DEL', key],
    ['SREM', OWN, key],
  ])
  await rows.change(forgetRows, signal)
  return [...done, ...keys.map(key => `removed ${key} at ${connection.server}`)]
}

/** While keys are on their way they may be in a generation whose row does not name them yet, or no more. */
function keyNames(rows: GenerationRows, which: Which): string[] {
  const isMoving = rows.step !== undefined && (which !== undefined || rows.step !== 'recall')
  const holders = (isMoving ? GENERATIONS : [which]).flatMap(holder => rows.of(holder))
  return holders.filter(row => !isApplications(row)).flatMap(namesOf)
}

function isApplications({ generation, fields }: GenerationRow): boolean {
  return generation === undefined && fields.get(FIELD.layout)?.startsWith(INVALIDATES) === true
}
