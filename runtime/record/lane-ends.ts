import type { LaneEnd, UnitEnd } from '../contract.ts'

const LOAD = 'load:'

/** The lanes of loads that the unit carries on; none for one of the stream. */
export function laneEnds(end: UnitEnd): LaneEnd[] {
  if (end.lane === 'stream') return []
  const { lane, progress, others = [] } = end
  return [{ lane, progress }, ...others]
}

export function tableOfLane(lane: LaneEnd['lane']): string {
  return lane.slice(LOAD.length)
}
