import type { LeafRow } from './catalog-rows.ts'
import { quotedLeaf } from './catalog-rows.ts'
import { addPages, type LeafPages, missingPages, type Pages } from './load-state.ts'
import type { Query, Walk, WalkDone } from './walk.ts'

interface Span {
  /** Index of its leaf. */
  readonly leaf: number
  readonly pages: Pages
}

/** Where a walk stands: in a span, at a row (`page,item`) or at its beginning. */
interface Place {
  readonly span: number
  readonly at: string | undefined
}

/** Of a chunk that nothing is known of. */
const FIRST_PAGES = 16
const MOST_PAGES = 4096
/** A chunk is to be so full when its pages have been read. */
const AIM = 0.9

/**
 * The pages of a table's leaves, in their order on disk. Rows that move meanwhile are updated, and come by the stream;
 * a leaf that was written anew has another file, and then nothing read of it before counts.
 *
 * A query asks for so many pages as will fill the chunk: without an end the server reads up to 16 pages ahead, for nothing
 * each time, where they are not in its memory (`read_stream.c`, since PostgreSQL 17).
 */
export class PageWalk implements Walk {
  readonly #leaves: readonly LeafRow[]
  readonly #columns: string
  readonly #spans: readonly Span[] = []
  readonly #before: (readonly Pages[])[]
  #kept: Place = { span: 0, at: undefined }
  #now: Place = this.#kept
  /** How full the chunk is, and how much a page adds. */
  #filled = 0
  #perPage = AIM / FIRST_PAGES

  /** `columns`: the list of SELECT. `done`: by an earlier attempt; what it says of other files does not count. */
  constructor(leaves: readonly LeafRow[], columns: string, done: readonly LeafPages[]) {
    this.#leaves = leaves
    this.#columns = columns
    const known = new Map(done.map(leaf => [leaf.oid, leaf]))
    this.#before = leaves.map(({ oid, filenode }) => {
      const leaf = known.get(oid)
      return leaf?.file === filenode ? leaf.pages : []
    })
    this.#spans = this.#before.flatMap((pages, leaf) => missingPages(pages).map(missing => ({ leaf, pages: missing })))
  }

  query(): Query | undefined {
    const span = this.#spans[this.#now.span]
    if (span === undefined) return undefined
    const end = this.#end(span)
    const sql = `SELECT ctid, ${this.#columns} FROM ONLY ${quotedLeaf(this.#leaves[span.leaf]!)}
      WHERE ctid >= '(${this.#now.at ?? `${span.pages[0]},0`})'${end === null ? '' : ` AND ctid < '(${end},0)'`}`
    return { sql, hasPlace: true }
  }

  /** Of the pages that the query at hand asks for; null: all that there are. */
  #end({ leaf, pages: [from, to] }: Span): number | null {
    const end = pageOf(this.#now.at, from) + Math.max(1, this.#wanted)
    // What is behind the pages that there were is not much.
    if (to === null) return end < this.#leaves[leaf]!.pages ? end : null
    return Math.min(end, to)
  }

  /** Pages that the chunk has room for. */
  get #wanted(): number {
    return Math.min(MOST_PAGES, Math.floor((AIM - this.#filled) / this.#perPage))
  }

  passed(next: Uint8Array | undefined, filled: number): void {
    const { span: here, at } = this.#now
    const span = this.#spans[here]!
    const end = this.#end(span)
    // The server prints it as (page,item).
    if (next !== undefined) this.#now = { span: here, at: Buffer.from(next).toString('latin1').slice(1, -1) }
    else if (end === span.pages[1]) this.#now = { span: here + 1, at: undefined }
    else this.#now = { span: here, at: `${end},0` }
    const from = pageOf(at, span.pages[0])
    const pages = (next === undefined ? (end ?? from) : pageOf(this.#now.at, from)) - from
    if (pages > 0) this.#perPage = Math.max(AIM / MOST_PAGES, (filled - this.#filled) / pages)
    this.#filled = filled
  }

  keep(): void {
    this.#kept = this.#now
    this.#filled = 0
  }

  drop(): void {
    this.#now = this.#kept
    this.#filled = 0
  }

  bounds(): Record<string, never> {
    return {}
  }

  /** Of the page at hand nothing counts: its rows would have to be told apart. */
  done(): WalkDone {
    const pages = [...this.#before]
    const { span: here, at } = this.#kept
    this.#spans.slice(0, here + 1).forEach(({ leaf, pages: span }, i) => {
      if (i < here) pages[leaf] = addPages(pages[leaf]!, span)
      else if (at !== undefined) pages[leaf] = addPages(pages[leaf]!, [span[0], pageOf(at, span[0])])
    })
    const leaves = this.#leaves.map(({ oid, filenode }, i) => ({ oid, file: filenode, pages: pages[i]! }))
    return { leaves: leaves.filter(leaf => leaf.pages.length > 0) }
  }
}

function pageOf(at: string | undefined, otherwise: number): number {
  return at === undefined ? otherwise : Number.parseInt(at, 10)
}
