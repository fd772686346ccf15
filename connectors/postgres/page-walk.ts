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

/**
 * The pages of a table's leaves, in their order on disk. Rows that move meanwhile are updated, and come by the stream;
 * a leaf that was written anew has another file, and then nothing read of it before counts.
 */
export class PageWalk implements Walk {
  readonly #leaves: readonly LeafRow[]
  readonly #columns: string
  readonly #spans: readonly Span[] = []
  readonly #before: (readonly Pages[])[]
  #kept: Place = { span: 0, at: undefined }
  #now: Place = this.#kept

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
    const [from, to] = span.pages
    const end = to === null ? '' : ` AND ctid < '(${to},0)'`
    const sql = `SELECT ctid, ${this.#columns} FROM ONLY ${quotedLeaf(this.#leaves[span.leaf]!)}
      WHERE ctid >= '(${this.#now.at ?? `${from},0`})'${end}`
    return { sql, hasPlace: true }
  }

  passed(next: Uint8Array | undefined): void {
    const { span } = this.#now
    // The server prints it as (page,item).
    if (next === undefined) this.#now = { span: span + 1, at: undefined }
    else this.#now = { span, at: Buffer.from(next).toString('latin1').slice(1, -1) }
  }

  keep(): void {
    this.#kept = this.#now
  }

  drop(): void {
    this.#now = this.#kept
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
      else if (at !== undefined) pages[leaf] = addPages(pages[leaf]!, [span[0], Number.parseInt(at, 10)])
    })
    const leaves = this.#leaves.map(({ oid, filenode }, i) => ({ oid, file: filenode, pages: pages[i]! }))
    return { leaves: leaves.filter(leaf => leaf.pages.length > 0) }
  }
}
