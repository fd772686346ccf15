import generate from '../../connectors/generate.ts'
import { createLogger } from '../../runtime/logger.ts'
import { describeSource, type SourceFixture } from './source.ts'

/** It commits by itself, all the time. */
function generated(options: Record<string, unknown>): () => Promise<SourceFixture> {
  const config = generate.config.parse({ rows: 200, tables: 3, keyChanges: true, truncates: true, ...options })
  const context = { pipeline: 'contract', name: 'app', logger: createLogger('silent'), folder: '' }
  return async () => ({
    open: () => generate.open(config, context),
    commit: async () => {},
    async commitPair(between) {
      await between()
      return []
    },
    async [Symbol.asyncDispose]() {},
  })
}

describeSource('generate, as fast as it is read', generated({ rate: 'max' }))
describeSource('generate, at a rate', generated({ rate: 20_000 }))
describeSource('generate, transactions larger than a batch', generated({ rate: 'max', batchBytes: '2KB' }))
