import { MUTATIONS } from '../support/completion-mutations.ts'
import { breakEach } from '../support/mutation-run.ts'
import type { FullRun } from '../support/run-full.ts'

/** Breaks each sentence of the rules of completion and index, and demands that the test which guards it fails. */
const run: FullRun = args => breakEach(MUTATIONS, args)

export default run
