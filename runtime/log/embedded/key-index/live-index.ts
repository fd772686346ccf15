import type { LiveIndex } from '../compaction/compactor.ts'
import { LiveOffsets } from '../compaction/live-offsets.ts'
import type { KeyIndex } from './key-index.ts'

/** What the index of a log tells its compaction. */
export function liveIndex(index: KeyIndex): LiveIndex {
  return {
    async live(from, to) {
      const { bits, lives } = await index.ask({ about: 'live', from, to })
      return { offsets: new LiveOffsets(from, to, bits), lives }
    },
    compacted: compacted => index.ask({ about: 'compacted', ...compacted }),
    clean: () => index.ask({ about: 'clean' }),
  }
}
