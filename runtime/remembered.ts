import { Cleansed } from './cleanse/cleansed.ts'
import { Pauses } from './pauses.ts'
import { Quarantines } from './quarantine/quarantines.ts'
import { RebuildPlans } from './rebuild/plans.ts'
import { ShapeMemory } from './shape/memory.ts'

/** What a restart must not forget, in files beside the logs. */
export interface Remembered {
  readonly pauses: Pauses
  readonly plans: RebuildPlans
  readonly cleansed: Cleansed
  readonly quarantines: Quarantines
  readonly shapes: ShapeMemory
}

/** Throws PAUSES_UNREADABLE, REBUILDS_UNREADABLE, CLEANSED_UNREADABLE, QUARANTINE_UNREADABLE, SHAPES_UNREADABLE. */
export async function remembered(folder: string): Promise<Remembered> {
  return {
    pauses: await Pauses.load(folder),
    plans: await RebuildPlans.load(folder),
    cleansed: await Cleansed.load(folder),
    quarantines: await Quarantines.load(folder),
    shapes: await ShapeMemory.load(folder),
  }
}
