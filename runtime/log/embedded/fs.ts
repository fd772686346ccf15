import { type FileHandle, mkdir, open, readdir, rename, statfs, unlink } from 'node:fs/promises'

/** All that the embedded log asks of a file system, so that tests can put a failing one in its place. */
export interface Fs {
  /** `read` and `update` need the file, `create` refuses one that exists, `replace` empties or makes it (0600). */
  open(path: string, mode: 'read' | 'update' | 'create' | 'replace'): Promise<File>
  list(folder: string): Promise<string[]>
  /** Takes the place of `to` in one step; durable after `syncFolder`. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes the folder and those above it (0700); fine if it exists. */
  makeFolder(path: string): Promise<void>
  /** fsync of the directory: entries made, renamed and removed in it are durable. */
  syncFolder(path: string): Promise<void>
  /** Bytes free for us, and the kind of file system as statfs(2) numbers it. */
  space(path: string): Promise<{ readonly free: number; readonly type: number }>
}

export interface File extends AsyncDisposable {
  /** Answers the bytes read: fewer than asked for only at the end of the file. */
  read(into: Uint8Array, at: number): Promise<number>
  /** The parts one behind the other in one call. Answers how many bytes went in, which may be fewer. */
  write(parts: readonly Uint8Array[], at: number): Promise<number>
  truncate(length: number): Promise<void>
  size(): Promise<number>
  /** fdatasync: content and length are durable. */
  sync(): Promise<void>
  close(): Promise<void>
}

const FLAGS = { read: 'r', update: 'r+', create: 'wx+', replace: 'w' } as const

/** Node takes lengths of 31 bits. */
const LARGEST_READ = 2 ** 30

export const realFs: Fs = {
  async open(path, mode) {
    return new RealFile(await open(path, FLAGS[mode], 0o600))
  },
  list: folder => readdir(folder),
  rename,
  remove: unlink,
  async makeFolder(path) {
    await mkdir(path, { recursive: true, mode: 0o700 })
  },
  async syncFolder(path) {
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  async space(path) {
    const { bavail, bsize, type } = await statfs(path)
    return { free: bavail * bsize, type }
  },
}

class RealFile implements File {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    let done = 0
    while (done < into.length) {
      const length = Math.min(into.length - done, LARGEST_READ)
      const { bytesRead } = await this.#handle.read(into, done, length, at + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return done
  }

  async write(parts: readonly Uint8Array[], at: number): Promise<number> {
    const { bytesWritten } = await this.#handle.writev(parts, at)
    return bytesWritten
  }

  truncate(length: number): Promise<void> {
    return this.#handle.truncate(length)
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  sync(): Promise<void> {
    return this.#handle.datasync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close()
  }
}

/** Writes all parts, going on where a short write stopped. */
export async function writeFully(file: File, parts: readonly Uint8Array[], at: number): Promise<void> {
  let rest = parts
  let position = at
  for (;;) {
    let written = await file.write(rest, position)
    position += written
    let first = 0
    while (first < rest.length && written >= rest[first]!.length) written -= rest[first++]!.length
    if (first === rest.length) return
    rest = [rest[first]!.subarray(written), ...rest.slice(first + 1)]
  }
}
