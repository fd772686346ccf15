import { abortable } from '../../runtime/abort.ts'
import type { Generation } from '../../runtime/contract.ts'
import { generationPrefix } from '../../runtime/generation.ts'
import type { Argument } from './commands.ts'
import type { Connection } from './connection.ts'
import { FIELD } from './cursor-row.ts'
import { type GenerationRows, namesOf } from './generation-rows.ts'
import { ownerOf } from './key-names.ts'
import { keysOf } from './scan.ts'

/**
 * Walks over the keys of generations, a page in one MULTI. Each walk can be begun again at any time: it looks at what is
 * there, and what it has done already it does not find. Keys that go meanwhile are done.
 */

/** Removes keys under names that the next generation uses and no live cursor ever knew: what a lost row left behind. */
export async function removeStrays(connection: Connection, rows: GenerationRows, signal: AbortSignal): Promise<void> {
  const live = rows.names(undefined)
  const lost = rows.of('next').filter(({ source }) => !rows.at(undefined, source).fields.has(FIELD.cursor))
  const names = new Set(lost.flatMap(namesOf).filter(name => !live.has(name)))
  for await (const keys of keysOf(connection, names, signal)) {
    const strays = await withoutNext(connection, keys, signal)
    if (strays.length > 0) await rows.run([['UNLINK', ...strays]], signal)
  }
}

/** Live keys that the next generation lacks become previous ones. It must be whole. */
export async function moveGone(connection: Connection, rows: GenerationRows, signal: AbortSignal): Promise<void> {
  for await (const keys of keysOf(connection, rows.names(undefined), signal)) {
    const gone = await withoutNext(connection, keys, signal)
    await rows.run(
      gone.map(key => ['RENAME', key, hidden('previous', key)]),
      signal,
    )
  }
}

/**
 * Keys of the next generation become live, those in their places previous ones: a reader sees one or the other. One that
 * goes by its ttl between this walk and the last leaves the live one where it is, to go by its own.
 */
export async function moveRest(connection: Connection, rows: GenerationRows, signal: AbortSignal): Promise<void> {
  const live = rows.names(undefined)
  for await (const page of keysOf(connection, hiddenNames('next', rows.names('next')), signal)) {
    // One that comes twice would push its own row out of its place.
    const there = await areThere(connection, page, signal)
    const commands = page.flatMap((key, i): Argument[][] => {
      if (!there[i]) return []
      const place = key.subarray(prefixOf('next').length)
      const rename = ['RENAME', key, place]
      return ownerOf(place.toString(), live) === undefined
        ? [rename]
        : [['RENAME', place, hidden('previous', place)], rename]
    })
    await rows.run(commands, signal)
  }
}

/** Previous keys of the tables that the next generation names become its own. */
export async function moveBack(connection: Connection, rows: GenerationRows, signal: AbortSignal): Promise<void> {
  for await (const keys of keysOf(connection, hiddenNames('previous', rows.names('next')), signal))
    await rows.run(
      keys.map(key => ['RENAME', key, hidden('next', key.subarray(prefixOf('previous').length))]),
      signal,
    )
}

export function prefixOf(generation: Generation | undefined): string {
  return generationPrefix(generation === undefined ? {} : { generation })
}

export function hiddenNames(generation: Generation | undefined, names: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...names].map(name => prefixOf(generation) + name))
}

export function hidden(generation: Generation, key: Buffer): Buffer {
  return Buffer.concat([Buffer.from(prefixOf(generation)), key])
}

async function withoutNext(connection: Connection, keys: readonly Buffer[], signal: AbortSignal): Promise<Buffer[]> {
  const there = await areThere(
    connection,
    keys.map(key => hidden('next', key)),
    signal,
  )
  return keys.filter((_, i) => !there[i])
}

/** Mostly all are there, or none: one command tells. */
async function areThere(connection: Connection, keys: readonly Buffer[], signal: AbortSignal): Promise<boolean[]> {
  const count = await abortable(connection.ask('EXISTS', ...keys), signal)
  if (count === keys.length || count === 0) return keys.map(() => count !== 0)
  const replies = await abortable(connection.askAll(keys.map(key => ['EXISTS', key])), signal)
  return replies.map(reply => reply === 1)
}
