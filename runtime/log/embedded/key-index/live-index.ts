import type { LiveIndex } from '../compaction/compactor.ts'
import { LiveOffsets } from '../compaction/live-offsets.ts'
import type { RowIndex } from '../forget/forget.ts'
import type { KeyIndex } from './key-index.ts'

/** What the index of a log tells its compaction, and who forgets rows. */
export function liveIndex(index: KeyIndex): LiveIndex & RowIndex {
  return {
    async live(from, to) {
      const { bits, lives } = await index.ask({ about: 'live', from, to })
      return { offsets: new LiveOffsets(from, to, bits), lives }
    },
    compacted: compacted => index.ask({ about: 'compacted', ...compacted }),
    clean: () => index.ask({ about: 'clean' }),
    newest: rows => index.ask({ about: 'rows', rows }),
    forget: (rows, below) => index.ask({ about: 'forget', rows, below }),
  }
}
