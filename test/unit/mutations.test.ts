/** The long runs that break the rules on purpose (`npm run test:full -- fence-mutations`, `completion-mutations`). */
import { readFile } from 'node:fs/promises'
import { expect, it } from '@jest/globals'
import { MUTATIONS as COMPLETION } from '../support/completion-mutations.ts'
import { MUTATIONS as FENCE } from '../support/fence-mutations.ts'

it.each([...COMPLETION, ...FENCE].map(mutation => [mutation.sentence, mutation] as const))(
  'the source still has what is broken to break "%s"',
  async (_, { file, from }) => {
    expect((await readFile(file, 'utf8')).split(from)).toHaveLength(2)
  },
)
