import type { Random } from '../crash/random.ts'

/** A change of a file that no fsync has covered yet. */
export type Pending = { readonly at: number; readonly bytes: Buffer } | { readonly truncate: number }

/** A file: what readers see, and what would be left if the power went now. */
export class Inode {
  content: Buffer
  #durable: Buffer
  #pending: Pending[] = []

  constructor(durable: Buffer = Buffer.alloc(0)) {
    this.content = durable
    this.#durable = durable
  }

  change(change: Pending): void {
    this.content = applied(this.content, change)
    this.#pending.push(change)
  }

  sync(): void {
    for (const change of this.#pending) this.#durable = applied(this.#durable, change)
    this.#pending = []
  }

  /** A failed fsync: the kernel drops what it could not write and calls the pages clean. */
  forget(): void {
    this.#pending = []
  }

  /** Each change not synced is kept, lost, or torn at any two bytes, whatever became of those before it. */
  afterPowerLoss(random: Random, survival: number): Inode {
    let durable = this.#durable
    for (const change of this.#pending) {
      if (!random.chance(survival)) continue
      durable = applied(durable, random.chance(0.3) ? torn(change, random) : change)
    }
    return new Inode(durable)
  }
}

export type EntryChange =
  | { readonly add: string; readonly inode: Inode }
  | { readonly remove: string }
  | { readonly rename: string; readonly to: string; readonly inode: Inode }

/** The names of all files: what readers see, and what would be left if the power went now. */
export class Names {
  readonly visible: Map<string, Inode>
  #durable: Map<string, Inode>
  #pending: EntryChange[] = []

  constructor(durable = new Map<string, Inode>()) {
    this.visible = new Map(durable)
    this.#durable = new Map(durable)
  }

  change(change: EntryChange): void {
    enter(this.visible, change)
    this.#pending.push(change)
  }

  sync(): void {
    for (const change of this.#pending) enter(this.#durable, change)
    this.#pending = []
  }

  forget(): void {
    this.#pending = []
  }

  afterPowerLoss(random: Random, survival: number): Names {
    for (const change of this.#pending) if (random.chance(survival)) enter(this.#durable, change)
    const left = new Map<string, Inode>()
    for (const [name, inode] of this.#durable) left.set(name, inode.afterPowerLoss(random, survival))
    return new Names(left)
  }
}

function enter(names: Map<string, Inode>, change: EntryChange): void {
  if ('add' in change) names.set(change.add, change.inode)
  else if ('remove' in change) names.delete(change.remove)
  else {
    names.delete(change.rename)
    names.set(change.to, change.inode)
  }
}

function applied(content: Buffer, change: Pending): Buffer {
  if ('truncate' in change) {
    if (change.truncate <= content.length) return content.subarray(0, change.truncate)
    return Buffer.concat([content, Buffer.alloc(change.truncate - content.length)])
  }
  const next = Buffer.alloc(Math.max(content.length, change.at + change.bytes.length))
  content.copy(next)
  change.bytes.copy(next, change.at)
  return next
}

function torn(change: Pending, random: Random): Pending {
  if ('truncate' in change) return change
  const from = random.chance(0.5) ? 0 : random.between(0, change.bytes.length + 1)
  const to = random.between(from, change.bytes.length + 1)
  return { at: change.at + from, bytes: change.bytes.subarray(from, to) }
}
