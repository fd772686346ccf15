import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { errorCode, errorMessage } from '../../../runtime/errors.ts'
import { spoolFailed } from './errors.ts'
import { Spool, spoolPath } from './spool.ts'
import { readSpool } from './spool-file.ts'

/**
 * Below the source's folder: the rows of transactions that are prepared, which the server sends then and never again
 * (R1.5). A file is there before a position names it, and until a durable one does not any more.
 */
const FOLDER = 'xa'

/** What a position says of one: `X'6162',X'',1 TRANSACTION`, with the transaction that prepared it. */
function nameOf(xid: string, transaction: string): string {
  return `${xid} ${transaction}`
}

function xidOf(name: string): string {
  return name.slice(0, name.indexOf(' '))
}

/** XA transactions that are prepared where the stream stands. */
export class PreparedTransactions {
  readonly #folder: string
  readonly #logger: Logger
  /** By xid. */
  readonly #open: Map<string, string>
  /** Names of those that ended: their files go once no durable position names them. */
  readonly #ended = new Set<string>()
  #hasFolder = false

  /** `names`: of the position where the stream begins. */
  constructor(folder: string, names: readonly string[], logger: Logger) {
    this.#folder = join(folder, FOLDER)
    this.#logger = logger
    this.#open = new Map(names.map(name => [xidOf(name), name]))
  }

  /** For the position. */
  get names(): readonly string[] {
    return [...this.#open.values()]
  }

  /** For the rows of one that is being prepared by `transaction`. */
  spool(xid: string, transaction: string): Spool {
    const name = nameOf(xid, transaction)
    return new Spool({ name, path: spoolPath(this.#folder, name), makeFolder: () => this.#makeFolder() })
  }

  /** Its rows are durable when this resolves. Throws XA_FILE. */
  async keep(spool: Spool): Promise<void> {
    await spool.keep()
    await syncFolder(this.#folder)
  }

  /** The stream has passed its XA PREPARE, and its rows are kept. */
  prepared(xid: string, transaction: string): void {
    this.ended(xid)
    const name = nameOf(xid, transaction)
    this.#open.set(xid, name)
    this.#ended.delete(name)
  }

  /** What it prepared, in chunks; undefined: it was prepared before the stream began. */
  rows(xid: string): AsyncGenerator<Buffer, void, void> | undefined {
    const name = this.#open.get(xid)
    return name === undefined ? undefined : readSpool(spoolPath(this.#folder, name), name)
  }

  /** The stream has passed its XA COMMIT or XA ROLLBACK. */
  ended(xid: string): void {
    const name = this.#open.get(xid)
    if (name === undefined) return
    this.#open.delete(xid)
    this.#ended.add(name)
  }

  /** A position that names only these is durable. */
  acknowledged(names: readonly string[]): void {
    for (const name of this.#ended) {
      if (names.includes(name)) continue
      this.#ended.delete(name)
      this.#remove(spoolPath(this.#folder, name))
    }
  }

  /** Removes the file of one that is not prepared, after all. */
  async drop(spool: Spool): Promise<void> {
    const { hasFile, path } = spool
    await spool.close()
    if (hasFile) this.#remove(path)
  }

  #remove(path: string): void {
    rm(path, { force: true }).catch(error => {
      this.#logger.warn(
        { reason: errorMessage(error) },
        'a file of an XA transaction that has ended stays until the next start',
      )
    })
  }

  async #makeFolder(): Promise<void> {
    if (this.#hasFolder) return
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await syncFolder(dirname(this.#folder))
    this.#hasFolder = true
  }
}

/** The rows of all that `names`, of a durable position, names are there and sound. Throws XA_LOST and XA_FILE. */
export async function requirePrepared(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names)
    for await (const _ of readSpool(spoolPath(join(folder, FOLDER), name), name)) {
      // Read for its checksums.
    }
}

/** Removes the files of all but `names`, of a durable position. Before the stream begins. Throws XA_FILE. */
export async function removeOthers(folder: string, names: readonly string[]): Promise<void> {
  const place = join(folder, FOLDER)
  const kept = new Set(names.map(name => basename(spoolPath(place, name))))
  try {
    for (const file of await readdir(place))
      if (file.endsWith('.xa') && !kept.has(file)) await rm(join(place, file), { force: true })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw spoolFailed(error)
  }
}

async function syncFolder(folder: string): Promise<void> {
  try {
    await using directory = await open(folder)
    await directory.sync()
  } catch (error) {
    throw spoolFailed(error)
  }
}
