import type { Cursor, ReaderState, SourceLog } from '../../contract.ts'

/** A registry of readers that lives as long as its log. */
export function memoryReaders(): SourceLog['readers'] {
  const known = new Map<string, ReaderState>()
  return {
    async register(sink, reads = 'state') {
      const registeredAt = new Date().toISOString()
      const fresh = { name: sink, cursor: undefined, registeredAt, savedAt: undefined, expired: false }
      known.set(sink, { ...(known.get(sink) ?? fresh), reads })
    },
    async load(sink): Promise<Cursor | undefined> {
      return known.get(sink)?.cursor
    },
    async save(sink, cursor) {
      const reader = known.get(sink)
      if (reader !== undefined) known.set(sink, { ...reader, cursor, savedAt: new Date().toISOString() })
    },
    async remove(sink) {
      known.delete(sink)
    },
    async list() {
      return [...known.values()]
    },
  }
}
