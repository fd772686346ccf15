import type { Cursor } from '../../contract.ts'
import { TailraceError } from '../../errors.ts'
import type { Session } from './manifest.ts'

const CURSOR = /^([0-9a-f]{16})\.([0-9a-f]{16}):([1-9]\d{0,15})(?:~([1-9]\d{0,15}))?$/

/**
 * Cursors are `<log id>.<session>:<offset>` and name the last entry handed out. One is ours only if that session wrote
 * that offset: what a crash or a restored backup took away, and another session wrote anew, is noticed. Of a reader that
 * has begun at the start of a log from which deletes were removed, `~<number>` of the last removal follows while its offset
 * is smaller (removals.ts).
 */
export class Cursors {
  readonly logId: string
  #sessions: readonly Session[]

  constructor(logId: string, sessions: readonly Session[]) {
    this.logId = logId
    this.#sessions = sessions
  }

  get sessions(): readonly Session[] {
    return this.#sessions
  }

  set sessions(sessions: readonly Session[]) {
    this.#sessions = sessions
  }

  knows(session: string): boolean {
    return this.#sessions.some(({ id }) => id === session)
  }

  /** The session that wrote this offset. */
  sessionOf(offset: number): string {
    const session = this.#sessions.findLast(({ first }) => first <= offset)
    if (session === undefined) throw new RangeError(`no session wrote offset ${offset}`)
    return session.id
  }

  /** `begun`: the last removal when its reader began; 0: that does not matter. */
  at(offset: number, begun = 0): Cursor {
    const mark = begun > offset ? `~${begun}` : ''
    return `${this.logId}.${this.sessionOf(offset)}:${offset}${mark}` as Cursor
  }

  /** The last removal when the reader with this cursor began; 0: it does not say. */
  begunAt(cursor: Cursor): number {
    return Number(CURSOR.exec(cursor)?.[4] ?? 0)
  }

  /** The offset; undefined if the cursor is foreign to a log that ends at `end`. */
  parse(cursor: Cursor, end: number): number | undefined {
    const [, log, session, digits] = CURSOR.exec(cursor) ?? []
    const offset = Number(digits)
    if (log !== this.logId || !(offset <= end) || this.sessionOf(offset) !== session) return undefined
    return offset
  }

  /** The offset behind which to read, of a log that ends at `end`. Throws CURSOR_FOREIGN. */
  resolve(cursor: Cursor | 'start', end: number): number {
    if (cursor === 'start') return 0
    const offset = this.parse(cursor, end)
    if (offset !== undefined) return offset
    throw new TailraceError(
      'CURSOR_FOREIGN',
      'stop',
      'The cursor does not belong to this log, or lies beyond its end.',
      {
        hint: 'The log was made anew, or restored to an earlier state. Start again with the current rows.',
      },
    )
  }

  compare(a: Cursor, b: Cursor, end: number): 'before' | 'equal' | 'after' | 'foreign' {
    const x = this.parse(a, end)
    const y = this.parse(b, end)
    if (x === undefined || y === undefined) return 'foreign'
    return x < y ? 'before' : x > y ? 'after' : 'equal'
  }
}
