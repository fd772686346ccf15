import type { Batch, Table } from '../contract.ts'
import { asBuffer, readU32LE } from '../record/cells.ts'
import { findParts, newParts } from '../record/entry-parts.ts'
import { keyHash } from '../record/key.ts'
import { At, EntryKind, Flag } from '../record/layout.ts'
import { entries, wholeSlice } from '../record/slice.ts'

/**
 * Where the former state of a row is found: nowhere, because a delete or truncate ended it; in the log; or in an entry
 * of the same batch, by its place.
 */
export type Former = 'none' | 'log' | number

/** An entry that is to be written anew. */
export interface Need {
  readonly at: number
  readonly end: number
  readonly table: Table
  /** Of the row whose former state is wanted: in a primary-key change the old one. */
  readonly key: Uint8Array
  readonly former: Former
  readonly wantsCells: boolean
  readonly wantsBefore: boolean
}

/** What the batch says of one incarnation's keys, as far as it was read. */
interface Life {
  readonly states: Map<string, Former>
  /** A truncate has come: what the batch does not say is gone. */
  ended: boolean
}

/** The entries of the batch that need a former state, in order. `before`: updates and deletes that lack it too. */
export function planOf(batch: Batch, before: boolean): Need[] {
  const bytes = asBuffer(batch.bytes)
  const followed = before ? undefined : incompleteKeys(batch)
  const lives = new Lives()
  const parts = newParts()
  const needs: Need[] = []
  /** Of the key that a primary-key change has just left. */
  let left: Former = 'none'
  for (const { at, end, kind } of entries(wholeSlice(bytes, 0, 0n))) {
    if (kind === EntryKind.truncate) lives.of(tableOf(batch, at)).truncate()
    if (!isRow(kind) || readU32LE(bytes, at + At.keyLength) === 0) continue
    findParts(bytes, at, end, parts)
    const flags = bytes[at + At.flags]!
    const isDelete = kind === EntryKind.delete
    const wantsCells = (flags & Flag.complete) === 0
    const key = bytes.subarray(parts.keyAt, parts.keyEnd)
    const isFollowed = followed === undefined || followed.has(keyHash(key))
    if (!isFollowed && !wantsCells) continue
    const table = tableOf(batch, at)
    const life = lives.of(table)
    const state = isFollowed ? life.state(key) : 'none'
    const isMoved = parts.movedAt !== -1 && !isDelete
    const wantsBefore = before && (isDelete || (kind === EntryKind.update && !isMoved)) && (flags & Flag.before) === 0
    if (wantsCells || wantsBefore)
      needs.push({
        at,
        end,
        table,
        key: isMoved ? bytes.subarray(parts.movedAt, parts.movedEnd) : key,
        former: isMoved ? left : state,
        wantsCells,
        wantsBefore,
      })
    if (isDelete) left = state
    if (isFollowed) life.set(key, isDelete ? 'none' : at)
  }
  return needs
}

/** Hashes of the keys whose states matter to incomplete rows: nobody else's are looked at. */
function incompleteKeys(batch: Batch): Set<number> {
  const bytes = asBuffer(batch.bytes)
  const parts = newParts()
  const hashes = new Set<number>()
  for (const { at, end, kind } of entries(wholeSlice(bytes, 0, 0n))) {
    if (!isRow(kind) || (bytes[at + At.flags]! & Flag.complete) !== 0) continue
    findParts(bytes, at, end, parts)
    hashes.add(keyHash(bytes.subarray(parts.keyAt, parts.keyEnd)))
    if (parts.movedAt !== -1) hashes.add(keyHash(bytes.subarray(parts.movedAt, parts.movedEnd)))
  }
  return hashes
}

class Lives {
  readonly #lives = new Map<string, KeyStates>()
  #last: { readonly table: Table; readonly states: KeyStates } | undefined

  of(table: Table): KeyStates {
    if (this.#last?.table === table) return this.#last.states
    const name = `${table.incarnation} ${table.name}`
    let states = this.#lives.get(name)
    if (states === undefined) {
      states = new KeyStates()
      this.#lives.set(name, states)
    }
    this.#last = { table, states }
    return states
  }
}

class KeyStates {
  readonly #life: Life = { states: new Map(), ended: false }

  state(key: Buffer): Former {
    return this.#life.states.get(key.toString('latin1')) ?? (this.#life.ended ? 'none' : 'log')
  }

  set(key: Buffer, state: Former): void {
    this.#life.states.set(key.toString('latin1'), state)
  }

  truncate(): void {
    this.#life.states.clear()
    this.#life.ended = true
  }
}

/** The table version of the entry at `at`. */
export function tableOf({ bytes, registry }: Batch, at: number): Table {
  return registry.get(readU32LE(bytes, at + At.table))!
}

function isRow(kind: number): boolean {
  return kind === EntryKind.create || kind === EntryKind.read || kind === EntryKind.update || kind === EntryKind.delete
}
