import { afterEach, beforeEach, describe } from '@jest/globals'
import { GenerationRig } from '../support/generation-rig.ts'
import type { SinkPlace } from '../support/sink-rig.ts'
import { purgeCases } from './sink/purges.ts'

/** What every sink with files of its own promises of a purge. Its place needs `files`. */
export function purgeContract(name: string, makePlace: () => Promise<SinkPlace>): void {
  describe(`a purge of ${name}`, () => {
    const rig = new GenerationRig()
    beforeEach(async () => rig.begin(await makePlace()))
    afterEach(() => rig.end())
    purgeCases(rig)
  })
}
