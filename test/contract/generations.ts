import { afterEach, beforeEach, describe } from '@jest/globals'
import { GenerationRig } from '../support/generation-rig.ts'
import type { SinkPlace } from '../support/sink-rig.ts'
import { generationCases } from './sink/generations.ts'

/** What every sink with generations promises of them. Its place needs `generations`. */
export function generationContract(name: string, makePlace: () => Promise<SinkPlace>): void {
  describe(`generations of ${name}`, () => {
    const rig = new GenerationRig()
    beforeEach(async () => rig.begin(await makePlace()))
    afterEach(() => rig.end())
    generationCases(rig)
  })
}
