import type { Table } from '../../../contract.ts'
import { errorMessage, isTailraceError, type Recovery, TailraceError } from '../../../errors.ts'
import type { LifeState } from '../compaction/live-offsets.ts'
import type { ForgottenRow, NewestChange } from '../forget/forgotten-rows.ts'
import type { Place } from '../scan.ts'
import type { Compacted } from '../segment.ts'
import { indexFailed } from './failures.ts'
import type { LoadRows } from './key-states.ts'
import type { IndexedLog } from './opening.ts'
import type { PackedKeys, PackedRecord, PackedRuns, TableLife } from './packing.ts'
import type { PackedStates } from './row-states.ts'
import type { PackedUnseen } from './unseen.ts'

/** Messages between the log (key-index.ts) and the thread of its index (thread.ts). */

export interface ThreadData extends IndexedLog {
  /** First offset of the oldest segment. */
  readonly first: number
  /** Every table version that the log knows. */
  readonly tables: readonly Pick<Table, 'id' | 'name' | 'incarnation'>[]
  readonly compacted: Compacted
}

/** How far the log is durable. */
export interface Durable {
  readonly place: Place
  /** Offset of the last entry. */
  readonly end: number
}

/** A unit that is being written: what of it is in the files, behind what is durable. */
export interface OpenUnit {
  /** Differs from that of every other unit of this log's opening. */
  readonly number: number
  /** Offset of its first entry. */
  readonly base: number
  readonly from: Place | undefined
  readonly written: Place
}

interface Page extends TableLife {
  readonly after: Uint8Array | undefined
  readonly limit: number
}

interface PassOf extends TableLife {
  readonly pass: string
}

/** What is asked of all that is durable, as of when it is asked. */
export interface Questions {
  readonly states: LoadRows
  readonly incomplete: Page
  readonly unseen: Page & PassOf
  readonly begin: PassOf
  readonly has: PassOf
  readonly end: PassOf
  /** Which of these offsets hold the newest change of a key. */
  readonly live: { readonly from: number; readonly to: number }
  /** Compaction has put these in place; answered once nothing of what they replace is read any more. */
  readonly compacted: Compacted
  /** Removes what compaction has made needless; answers how many keys that were. */
  readonly clean: object
  /** How these rows stand. */
  readonly rows: { readonly rows: readonly ForgottenRow[] }
  /** Removes their keys, unless they have changed again from this offset on; answered once no file holds them. */
  readonly forget: { readonly rows: readonly ForgottenRow[]; readonly below: number }
}

export type QuestionAbout<About extends keyof Questions> = { readonly about: About } & Questions[About]
export type Question = { [About in keyof Questions]: QuestionAbout<About> }[keyof Questions]

/** `lost`: the evidence of the pass is gone. */
export interface Answers {
  readonly states: PackedStates | 'lost'
  readonly incomplete: PackedRuns
  readonly unseen: PackedUnseen | 'lost'
  readonly begin: undefined
  readonly has: boolean
  readonly end: undefined
  readonly live: { readonly bits: Uint8Array<ArrayBuffer>; readonly lives: readonly LifeState[] }
  readonly compacted: undefined
  readonly clean: number
  readonly rows: readonly NewestChange[]
  readonly forget: undefined
}

export type ToThread =
  | { readonly kind: 'follow'; readonly durable: Durable }
  | {
      readonly kind: 'find'
      readonly id: number
      readonly keys: PackedKeys
      readonly durable: Durable | undefined
      readonly open: OpenUnit | undefined
    }
  | {
      readonly kind: 'ask'
      readonly id: number
      readonly question: Question
      readonly durable: Durable | undefined
    }
  | { readonly kind: 'close' }

export type FromThread =
  | {
      readonly kind: 'opened'
      readonly place: Place | undefined
      readonly applied: number
      readonly incomplete: ReadonlyMap<string, number>
      readonly discarded: string | undefined
    }
  | {
      readonly kind: 'applied'
      readonly place: Place
      readonly applied: number
      readonly incomplete: ReadonlyMap<string, number>
    }
  /** The answers from `from` on, in the order of the keys; the rest follows. */
  | {
      readonly kind: 'found'
      readonly id: number
      readonly from: number
      readonly bytes: Uint8Array
      readonly records: readonly (PackedRecord | undefined)[]
    }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answers[keyof Answers] }
  | { readonly kind: 'failed'; readonly error: FailedError }

export interface FailedError {
  readonly code: string | undefined
  readonly recovery: Recovery
  readonly message: string
  readonly hint: string | undefined
}

export function packFailure(error: unknown): FailedError {
  if (isTailraceError(error)) {
    const { code, recovery, message, hint } = error
    return { code, recovery, message, hint }
  }
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined
  const message = cause === undefined ? errorMessage(error) : `${errorMessage(error)}: ${errorMessage(cause)}`
  return { code: undefined, recovery: 'retry', message, hint: undefined }
}

export function failure({ code, recovery, message, hint }: FailedError): TailraceError {
  if (code === undefined) return indexFailed(message)
  return new TailraceError(code, recovery, message, hint === undefined ? {} : { hint })
}
