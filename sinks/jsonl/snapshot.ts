import { open } from 'node:fs/promises'
import type { FilePart, TableFolder } from './table-folder.ts'

/** The committed lines of a table as they were when it was taken. What is appended, compacted or emptied later leaves it. */
export class Snapshot implements AsyncDisposable {
  readonly parts: readonly FilePart[]

  private constructor(parts: readonly FilePart[]) {
    this.parts = parts
  }

  /** To be taken while nobody writes. */
  static async of(folder: TableFolder): Promise<Snapshot> {
    const parts: FilePart[] = []
    try {
      for (const part of folder.parts()) parts.push({ ...part, handle: await open(part.path, 'r') })
    } catch (error) {
      await closeAll(parts)
      throw error
    }
    return new Snapshot(parts)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return closeAll(this.parts)
  }
}

async function closeAll(parts: readonly FilePart[]): Promise<void> {
  for (const { handle } of parts) await handle?.close()
}
