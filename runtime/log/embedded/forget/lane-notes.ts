import type { LaneEnd, UnitEnd } from '../../../contract.ts'
import { bodyAt } from '../../../record/entry-parts.ts'
import { tableOfLane } from '../../../record/lane-ends.ts'
import { decodeUnitEnd, encodeUnitEnd } from '../../../record/schema.ts'
import { withBody } from './entry-body.ts'
import type { ForgottenRows } from './forgotten-rows.ts'

/** Ahead of the JSON in a unit end. */
const APPEND_TIME = 8

/**
 * A unit end in which no load's note names a row to be forgotten; undefined if that is so. Only the newest of each lane is
 * ever used again, and that one stands in the base.
 */
export function withoutNotes(payload: Buffer, at: number, end: number, rows: ForgottenRows): Buffer | undefined {
  const from = bodyAt(payload, at) + APPEND_TIME
  const json = payload.subarray(from, end)
  if (!json.includes('"load:')) return undefined
  let isChanged = false
  const without = <Lane extends LaneEnd>(lane: Lane): Lane => {
    const { progress } = lane
    if (!rows.isIn(tableOfLane(lane.lane), progress.state)) return lane
    isChanged = true
    return { ...lane, progress: { ...progress, state: '' } }
  }
  const found: UnitEnd = decodeUnitEnd(json)
  if (found.lane === 'stream') return undefined
  const { others } = found
  const stripped = { ...without(found), ...(others && { others: others.map(without) }) }
  if (!isChanged) return undefined
  return withBody(payload, at, 0, [payload.subarray(from - APPEND_TIME, from), encodeUnitEnd(stripped)])
}
