import { afterEach, beforeEach, describe } from '@jest/globals'
import { type SinkPlace, SinkRig } from '../support/sink-rig.ts'
import { readCases } from './sink/reads.ts'
import { restartCases } from './sink/restarts.ts'
import { rowCases } from './sink/rows.ts'
import { valueCases } from './sink/values.ts'
import { walkCases } from './sink/walks.ts'

/** What every sink that keeps the current rows promises, whatever it writes to. */
export function sinkContract(name: string, makePlace: () => Promise<SinkPlace>): void {
  describe(`${name} as a sink`, () => {
    const rig = new SinkRig()
    beforeEach(async () => rig.begin(await makePlace()))
    afterEach(() => rig.end())
    rowCases(rig)
    valueCases(rig)
    readCases(rig)
    walkCases(rig)
    restartCases(rig)
  })
}
