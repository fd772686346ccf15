import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { sync } from '../common/files.ts'
import { MARKER_START, type Marker, markerLine } from './lines.ts'

const FILE = /^(\d{8})\.jsonl$/
const TAIL_STEP = 64 * 1024

export interface FilePart {
  readonly path: string
  /** Bytes of it that count. */
  readonly size: number
  /** Open where the file may be replaced before it is read. */
  readonly handle?: FileHandle
}

interface TableFile {
  readonly number: number
  /** What is written, and what of it belongs to committed batches. */
  size: number
  committed: number
}

/** Which batches count: lines of later ones, and of other logs, are cut. */
export interface Committed {
  readonly batch: number
  readonly log: string
}

/**
 * The files of one table. Only the last is appended to; each ends with the marker of its last batch, so that what a
 * crash left of an uncommitted one can be cut.
 */
export class TableFolder {
  readonly path: string
  readonly #fileBytes: number
  readonly #files: TableFile[]
  #handle: FileHandle | undefined
  #marker: Marker | undefined

  private constructor(path: string, fileBytes: number, files: TableFile[], marker: Marker | undefined) {
    this.path = path
    this.#fileBytes = fileBytes
    this.#files = files
    this.#marker = marker
  }

  /**
   * Opens or makes the folder and cuts everything behind the last committed batch. The name of one that was made is
   * durable once the folder above is synced.
   */
  static async open(path: string, fileBytes: number, committed: Committed): Promise<TableFolder> {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const names = await readdir(path)
    for (const name of names) if (name.endsWith('.tmp')) await rm(join(path, name), { recursive: true })
    const numbers = names.flatMap(name => FILE.exec(name)?.[1] ?? []).map(Number)
    const files: TableFile[] = []
    let marker: Marker | undefined
    for (const number of numbers.sort((a, b) => b - a)) {
      const file = join(path, fileName(number))
      const cut = await cutTail(file, marker === undefined ? committed : undefined)
      if (cut.size === 0) await rm(file)
      else files.unshift({ number, size: cut.size, committed: cut.size })
      marker ??= cut.marker
    }
    if (names.length > files.length) await sync(path)
    return new TableFolder(path, fileBytes, files, marker)
  }

  get name(): string {
    return basename(this.path)
  }

  /** False while nothing was ever written, or someone removed the files. */
  get exists(): boolean {
    return this.#files.length > 0
  }

  /** Lines in the folder and those of them replaced by later ones. */
  get counts(): { lines: number; dead: number } {
    return { lines: this.#marker?.lines ?? 0, dead: this.#marker?.dead ?? 0 }
  }

  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.committed, 0)
  }

  get isOpen(): boolean {
    return this.#handle !== undefined
  }

  /** What belongs to committed batches. */
  parts(): FilePart[] {
    return this.#files
      .filter(file => file.committed > 0)
      .map(file => ({ path: join(this.path, fileName(file.number)), size: file.committed }))
  }

  /** Appends lines and the batch's marker: on disk when it resolves, but not committed. */
  async append(lines: Uint8Array, marker: Marker): Promise<void> {
    let file = this.#files.at(-1)
    const isNew = file === undefined || file.size >= this.#fileBytes
    if (file === undefined || isNew) file = await this.#begin()
    const handle = await this.#open(file)
    const { size } = file
    // Counted before it is written: whatever a failed write left is then rolled back.
    const end = Buffer.from(markerLine(marker))
    file.size += lines.length + end.length
    await writeAll(handle, [lines, end], size)
    await handle.datasync()
    if (isNew) await sync(this.path)
  }

  /** What was appended last counts from now on. */
  commit(marker: Marker): void {
    for (const file of this.#files) file.committed = file.size
    this.#marker = marker
  }

  /** Takes back what was appended and not committed. */
  async rollback(): Promise<void> {
    const file = this.#files.at(-1)
    if (file === undefined || file.size === file.committed) return
    if (file.committed > 0) await (await this.#open(file)).truncate(file.committed)
    else {
      await this.close()
      await rm(join(this.path, fileName(file.number)), { force: true })
      this.#files.pop()
    }
    file.size = file.committed
  }

  /**
   * Puts new content, whole lines in any pieces, in the place of all there is, in files of their own, then removes the old ones, oldest first:
   * wherever a crash falls, the last line of each key in file order stays the same. Durable on return.
   */
  async replace(content: AsyncIterable<Uint8Array>, marker: () => Marker): Promise<void> {
    await this.close()
    const old = this.#files.length
    const last = (this.#files.at(-1)?.number ?? 0) + 1
    const written = await this.#writeFiles(content, last, marker)
    for (const file of written) {
      const path = join(this.path, fileName(file.number))
      await rename(`${path}.tmp`, path)
      this.#files.push(file)
    }
    await sync(this.path)
    for (let i = 0; i < old; i++) {
      await rm(join(this.path, fileName(this.#files[0]!.number)))
      this.#files.shift()
    }
    await sync(this.path)
    this.#marker = marker()
  }

  async #writeFiles(content: AsyncIterable<Uint8Array>, first: number, marker: () => Marker): Promise<TableFile[]> {
    const written: TableFile[] = []
    let handle: FileHandle | undefined
    let size = 0
    let isInLine = false
    const finish = async (): Promise<void> => {
      if (handle === undefined) return
      const end = Buffer.from(markerLine(marker()))
      await writeAll(handle, [end], size)
      await handle.sync()
      await handle.close()
      handle = undefined
      written.push({ number: first + written.length, size: size + end.length, committed: size + end.length })
    }
    const begin = async (): Promise<FileHandle> => {
      size = 0
      handle = await open(`${join(this.path, fileName(first + written.length))}.tmp`, 'w', 0o600)
      return handle
    }
    try {
      for await (const piece of content) {
        if (size >= this.#fileBytes && !isInLine) await finish()
        await writeAll(handle ?? (await begin()), [piece], size)
        size += piece.length
        // A line break within a value is escaped.
        isInLine = piece.at(-1) !== 0x0a
      }
      if (written.length === 0 && handle === undefined) await begin()
      await finish()
    } finally {
      await handle?.close()
    }
    return written
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #begin(): Promise<TableFile> {
    await this.close()
    const file = { number: (this.#files.at(-1)?.number ?? 0) + 1, size: 0, committed: 0 }
    this.#handle = await open(join(this.path, fileName(file.number)), 'wx', 0o600)
    this.#files.push(file)
    return file
  }

  async #open(file: TableFile): Promise<FileHandle> {
    this.#handle ??= await open(join(this.path, fileName(file.number)), 'r+')
    return this.#handle
  }
}

function fileName(number: number): string {
  return `${String(number).padStart(8, '0')}.jsonl`
}

async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[], from: number): Promise<void> {
  let position = from
  for (const piece of pieces)
    for (let at = 0; at < piece.length; ) {
      const { bytesWritten } = await handle.write(piece, at, piece.length - at, position)
      at += bytesWritten
      position += bytesWritten
    }
}

/**
 * Cuts a file behind its last marker, or if `committed` is given behind the last marker that counts. Answers what is
 * left: 0 bytes if there is no such marker.
 */
async function cutTail(
  path: string,
  committed: Committed | undefined,
): Promise<{ size: number; marker: Marker | undefined }> {
  const file = await open(path, 'r+')
  try {
    const { size } = await file.stat()
    for (let window = TAIL_STEP; ; window *= 4) {
      const from = Math.max(0, size - window)
      const bytes = Buffer.alloc(size - from)
      await file.read(bytes, 0, bytes.length, from)
      const found = lastMarker(bytes, from === 0, committed)
      if (found === undefined && from > 0) continue
      const end = found === undefined ? 0 : from + found.end
      if (end < size && end > 0) {
        await file.truncate(end)
        await file.sync()
      }
      return { size: end, marker: found?.marker }
    }
  } finally {
    await file.close()
  }
}

/** Within JSON a line break is escaped, so a line can be known by its beginning alone. */
function lastMarker(
  bytes: Buffer,
  isWhole: boolean,
  committed: Committed | undefined,
): { marker: Marker; end: number } | undefined {
  for (let before = bytes.length; before > 0; ) {
    const found = bytes.lastIndexOf(`\n${MARKER_START}`, before - 1)
    const start = found === -1 ? 0 : found + 1
    if (found === -1 && !(isWhole && bytes.subarray(0, MARKER_START.length).equals(Buffer.from(MARKER_START))))
      return undefined
    const lineEnd = bytes.indexOf('\n', start)
    if (lineEnd !== -1) {
      const marker: Marker = JSON.parse(bytes.toString('utf8', start, lineEnd))
      if (committed === undefined || (marker.log === committed.log && marker.batch <= committed.batch))
        return { marker, end: lineEnd + 1 }
    }
    before = found
  }
  return undefined
}
