import type { File, Fs } from '../../runtime/log/embedded/fs.ts'
import type { Random } from '../crash/random.ts'
import { Inode, Names } from './simulated-disk.ts'

/** What becomes of one operation, counted from 1. POWER: the machine stops in the middle of it. */
export interface Fault {
  readonly operation: number
  /** Counts these only. */
  readonly only?: 'sync' | 'write' | 'rename' | 'remove'
  /** And of these files. */
  readonly of?: RegExp
  readonly code: 'EIO' | 'ENOSPC' | 'POWER'
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

/**
 * A file system in memory that keeps apart what was written and what is durable. Directory entries are durable only
 * after fsync of the directory. After a fault of kind POWER nothing works until `powerLoss` or `processDeath`.
 */
export class SimulatedFs implements Fs {
  /** Calls that read from a file. */
  reads = 0
  readonly #names: Names
  readonly #random: Random
  #fault: Fault | undefined
  #dead = false
  /** Writes may be cut short. */
  #shortWrites = false
  operations = 0
  free = 1_000_000_000
  /** What the armed fault has struck: the operation and its file. */
  struck: string | undefined

  constructor(random: Random, names = new Names()) {
    this.#random = random
    this.#names = names
  }

  /** The operation that many from now fails. */
  arm(fault: Fault | undefined, shortWrites = false): void {
    this.operations = 0
    this.struck = undefined
    this.#fault = fault
    this.#shortWrites = shortWrites
    this.#dead = false
  }

  /** What the disk holds after the power went: everything synced, and of the rest what chance has left. */
  powerLoss(): SimulatedFs {
    const survival = [0, 0.2, 0.5, 0.9, 1][this.#random.between(0, 5)]!
    this.#dead = true
    return new SimulatedFs(this.#random, this.#names.afterPowerLoss(this.#random, survival))
  }

  /** The process died, the machine did not: all is visible, what was not synced still is not. */
  processDeath(): SimulatedFs {
    this.#dead = true
    return new SimulatedFs(this.#random, this.#names)
  }

  /** A disk on which exactly these files are durable, by path. */
  static holding(random: Random, files: ReadonlyMap<string, Buffer>): SimulatedFs {
    return new SimulatedFs(random, new Names(new Map([...files].map(([path, content]) => [path, new Inode(content)]))))
  }

  /** All files as readers see them now. */
  files(): Map<string, Buffer> {
    return new Map([...this.#names.visible].map(([path, inode]) => [path, inode.content]))
  }

  async open(path: string, mode: 'read' | 'update' | 'create' | 'replace'): Promise<File> {
    this.#step('open', path)
    let inode = this.#names.visible.get(path)
    if (mode === 'create' && inode !== undefined) throw failure('EEXIST', path)
    if ((mode === 'read' || mode === 'update') && inode === undefined) throw failure('ENOENT', path)
    if (inode === undefined) {
      inode = new Inode()
      this.#names.change({ add: path, inode })
    } else if (mode === 'replace') inode.change({ truncate: 0 })
    return this.#file(path, inode)
  }

  async list(folder: string): Promise<string[]> {
    this.#step('list', folder)
    return [...this.#names.visible.keys()].map(path => path.slice(folder.length + 1))
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step('rename', to)
    this.#names.change({ rename: from, to, inode: this.#inode(from) })
  }

  async remove(path: string): Promise<void> {
    this.#step('remove', path)
    this.#inode(path)
    this.#names.change({ remove: path })
  }

  async makeFolder(path: string): Promise<void> {
    this.#step('make', path)
  }

  async syncFolder(path: string): Promise<void> {
    this.#step('sync', path, () => this.#names.forget())
    this.#names.sync()
  }

  async space(): Promise<{ free: number; type: number }> {
    return { free: this.free, type: 0 }
  }

  #file(path: string, inode: Inode): File {
    const write = async (parts: readonly Uint8Array[], at: number): Promise<number> => {
      let bytes = Buffer.concat(parts)
      if (this.#shortWrites && this.#random.chance(0.3))
        bytes = bytes.subarray(0, this.#random.between(1, bytes.length + 1))
      this.#step('write', path, () => {
        const part = bytes.subarray(0, this.#random.between(0, bytes.length + 1))
        if (part.length > 0) inode.change({ at, bytes: Buffer.from(part) })
      })
      inode.change({ at, bytes: Buffer.from(bytes) })
      return bytes.length
    }
    return {
      write,
      read: async (into, at) => {
        this.reads++
        this.#step('read', path)
        return inode.content.copy(into, 0, at, at + into.length)
      },
      truncate: async length => {
        this.#step('truncate', path)
        inode.change({ truncate: length })
      },
      size: async () => {
        this.#step('size', path)
        return inode.content.length
      },
      sync: async () => {
        this.#step('sync', path, code => code === 'POWER' || inode.forget())
        inode.sync()
      },
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }
  }

  #inode(path: string): Inode {
    const inode = this.#names.visible.get(path)
    if (inode === undefined) throw failure('ENOENT', path)
    return inode
  }

  /** Counts an operation and fails it if it is its turn; `partly` is what has happened of it by then. */
  #step(what: string, path: string, partly: (code: Fault['code']) => void = () => {}): void {
    if (this.#dead) throw failure('POWER', path)
    const fault = this.#fault
    if (fault?.only !== undefined && fault.only !== what) return
    if (fault?.of?.test(path) === false) return
    this.operations++
    if (fault === undefined || this.operations !== fault.operation) return
    this.#dead = fault.code === 'POWER'
    this.struck = `${what} ${path.slice(path.lastIndexOf('/') + 1)}`
    partly(fault.code)
    throw failure(fault.code, path)
  }
}
