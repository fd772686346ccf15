import { join } from 'node:path'
import type { Logger } from 'pino'
import type { SourceLog } from '../../contract.ts'
import { TailraceError } from '../../errors.ts'
import { restoreState } from './checkpoint.ts'
import { type Base, readBase, restoreHead } from './compaction/base.ts'
import { Cursors } from './cursors.ts'
import { damaged } from './failures.ts'
import type { Fs } from './fs.ts'
import { Head } from './head.ts'
import { EmbeddedLog, readOnly } from './log.ts'
import { expiredTo, readManifest, removalsOf } from './manifest.ts'
import { readMark } from './mark.ts'
import { readReaders } from './readers.ts'
import { type Compacted, segmentName } from './segment.ts'
import { walkUnits } from './unit-walk.ts'

/** How soon a reader elsewhere sees what the owner made durable. */
const POLL_MS = 50

/**
 * Opens a log for reading beside the process that owns it, or after it: never beyond what the owner has said to be
 * durable. Throws LOG_MISSING, LOG_DAMAGED.
 */
export async function inspectLog(fs: Fs, folder: string, logger: Logger): Promise<SourceLog> {
  const head = await standingHead(fs, folder)
  const { logId } = head.cursors
  await using resources = new AsyncDisposableStack()
  await resources.use(new Follower(fs, folder, logId, head)).poll()
  head.check()
  const readers: SourceLog['readers'] = {
    register: refuse,
    save: refuse,
    remove: refuse,
    list: () => readReaders(fs, folder),
    load: async name => (await readReaders(fs, folder)).find(reader => reader.name === name)?.cursor,
  }
  return new EmbeddedLog({ fs, folder, logId, logger }, head, readers, undefined, resources.move())
}

/** At the newest checkpoint, or at what compaction has left. */
async function standingHead(fs: Fs, folder: string): Promise<Head> {
  for (;;) {
    const manifest = await readManifest(fs, folder)
    if (manifest === undefined)
      throw new TailraceError('LOG_MISSING', 'stop', `There is no log in ${folder}.`, {
        hint: '`tailrace run` makes it. Check log.path and the name of the source.',
      })
    const head = new Head(new Cursors(manifest.logId, manifest.sessions), 0)
    if ((await restoreHead(fs, folder, manifest, head)) !== 'missing') return head
  }
}

async function refuse(): Promise<never> {
  throw readOnly()
}

/** Undefined while nothing was compacted. */
async function newestBase(fs: Fs, folder: string): Promise<(Compacted & { readonly base: Base }) | undefined> {
  for (;;) {
    const manifest = await readManifest(fs, folder)
    const base = manifest && (await readBase(fs, folder, manifest))
    if (base === undefined) return undefined
    if (base === 'missing') continue
    const { segments } = base
    const { first } = manifest!
    return { base, segments, first, removals: removalsOf(manifest!), expiredTo: expiredTo(manifest!) }
  }
}

/** Moves a head of its own behind the owner's mark. */
class Follower implements AsyncDisposable {
  readonly head: Head
  readonly #place: { readonly fs: Fs; readonly folder: string; readonly logId: string }
  readonly #timer: NodeJS.Timeout
  #polling: Promise<void> | undefined
  /** One thing at a time moves the head. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(fs: Fs, folder: string, logId: string, head: Head) {
    this.#place = { fs, folder, logId }
    this.head = head
    head.refresh = () => this.#refresh()
    this.#timer = setInterval(() => this.poll(), POLL_MS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#turn
  }

  /** A failure is met by whoever uses the head next. */
  poll(): Promise<void> {
    this.#polling ??= this.#inTurn(() => this.#catchUp())
      .catch(error => this.head.fail(error))
      .finally(() => {
        this.#polling = undefined
      })
    return this.#polling
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  async #catchUp(): Promise<void> {
    const { fs, folder, logId } = this.#place
    const mark = await readMark(fs, folder, logId)
    if (mark === undefined) return this.#checkIdentity()
    if (mark.end <= this.head.end) return
    if (!this.head.cursors.knows(mark.session)) await this.#checkIdentity()
    let found = await walkUnits(this.#place, this.head, mark)
    if (this.head.end < mark.end && (await this.#passCompacted())) found = await walkUnits(this.#place, this.head, mark)
    const { segment, at, flaw } = found
    if (this.head.end < mark.end)
      throw damaged(join(folder, segmentName({ first: segment })), at, flaw ?? 'the log ends here')
  }

  #refresh(): Promise<boolean> {
    return this.#inTurn(async () => {
      const { head } = this
      const found = await newestBase(this.#place.fs, this.#place.folder)
      const isOther = found !== undefined && head.compacted(found)
      if (found !== undefined && this.#passBase(found)) head.bell.ring()
      return isOther
    })
  }

  /** The segment that the head stands in may be one of those that the owner has put others in the place of. */
  async #passCompacted(): Promise<boolean> {
    const found = await newestBase(this.#place.fs, this.#place.folder)
    if (found === undefined) return false
    this.head.compacted(found)
    return this.#passBase(found)
  }

  /** What the base tells of is not walked. Answers whether the head stood there. */
  #passBase({ base, first }: Compacted & { readonly base: Base }): boolean {
    const { head } = this
    if (head.end >= base.end && (head.place?.segment ?? first) >= first) return false
    if (head.end < base.end) restoreState(head, base)
    head.place = undefined
    return true
  }

  /** Learns of new sessions. A log made anew in this place is another one. */
  async #checkIdentity(): Promise<void> {
    const { fs, folder, logId } = this.#place
    const manifest = await readManifest(fs, folder)
    if (manifest?.logId !== logId)
      throw new TailraceError('LOG_REPLACED', 'retry', `Another log has taken the place of the one in ${folder}.`)
    this.head.cursors.sessions = manifest.sessions
  }
}
