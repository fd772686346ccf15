import type { Cursor, LogSlice, SinkContext, SinkRow, Table, WriteResult } from '../contract.ts'
import { errorCode, errorMessage, isTailraceError, type Recovery, TailraceError } from '../errors.ts'
import type { Upkeep } from '../upkeep.ts'

/** Messages between a sink's thread (host.ts) and the pipeline's (client.ts). */

export interface HostData {
  readonly type: string
  readonly folder: string
  readonly options: unknown
  readonly context: Omit<SinkContext, 'logger'>
  readonly logLevel: string
}

/** A LogBatch whose bytes lie in shared memory. */
export interface PackedBatch {
  readonly bytes: SharedArrayBuffer
  readonly slices: readonly PackedSlice[]
  readonly cursor: Cursor
  readonly count: number
  readonly endsTransaction: boolean
  readonly gap: boolean
  /** Ids of the tables that iterating yields. */
  readonly wanted: readonly number[]
  /** Of each change: this text and its offset, or the list of them. */
  readonly cursors: string | readonly Cursor[]
}

/** A slice, and where in the shared bytes it and its transaction's header stand. */
export type PackedSlice = Omit<LogSlice, 'bytes'>

/** A table by its id; `tables` holds those that the thread has not been told of. */
export interface SinkArguments {
  readonly sink: number
  readonly tables: readonly Table[]
}

export interface Calls {
  open: { arguments: null; answer: null }
  /** Instead of `open`. */
  upkeep: { arguments: Upkeep; answer: readonly string[] }
  sink: { arguments: { sink: number; name: string; logId: string }; answer: readonly Optional[] }
  write: { arguments: SinkArguments & { batch: PackedBatch; skip: readonly number[] | undefined }; answer: WriteResult }
  truncate: { arguments: SinkArguments & { table: number }; answer: null }
  flush: { arguments: SinkArguments; answer: null }
  cursor: { arguments: SinkArguments; answer: Cursor | undefined }
  get: {
    arguments: SinkArguments & { table: number; keys: readonly Uint8Array[] }
    answer: readonly (SinkRow | undefined)[]
  }
  /** Begins an iteration of this number. */
  rows: { arguments: SinkArguments & { table: number; iteration: number }; answer: null }
  next: { arguments: { sink: number; iteration: number }; answer: readonly SinkRow[] | undefined }
  end: { arguments: { iteration: number }; answer: null }
  closeSink: { arguments: { sink: number }; answer: null }
  close: { arguments: null; answer: null }
}
export type Method = keyof Calls

/** Methods that a sink may lack. */
export const OPTIONAL = ['truncate', 'flush', 'cursor', 'get', 'rows'] as const
export type Optional = (typeof OPTIONAL)[number]

export type ToHost =
  | { [M in Method]: { readonly id: number; readonly method: M; readonly arguments: Calls[M]['arguments'] } }[Method]
  | { readonly abort: number }

export type FromHost =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: PackedError }
  | { readonly log: string }

export interface PackedError {
  readonly isTailrace: boolean
  readonly code: string | undefined
  readonly recovery: Recovery | undefined
  readonly hint: string | undefined
  readonly message: string
  readonly stack: string | undefined
  readonly cause: PackedError | undefined
}

/** What is known of an error, as plain data. */
export function packError(error: unknown): PackedError {
  const isTailrace = isTailraceError(error)
  const { stack, cause } = (typeof error === 'object' && error !== null ? error : {}) as Error
  return {
    isTailrace,
    code: errorCode(error),
    recovery: isTailrace ? error.recovery : undefined,
    hint: isTailrace ? error.hint : undefined,
    message: errorMessage(error),
    stack: typeof stack === 'string' ? stack : undefined,
    cause: cause === undefined ? undefined : packError(cause),
  }
}

export function unpackError(packed: PackedError): Error {
  const { code, recovery, hint, message, stack } = packed
  const cause = packed.cause === undefined ? undefined : unpackError(packed.cause)
  if (packed.isTailrace)
    return new TailraceError(code!, recovery!, message, {
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
    })
  const error = new Error(message, cause === undefined ? undefined : { cause })
  if (stack !== undefined) error.stack = stack
  return code === undefined ? error : Object.assign(error, { code })
}
