import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import type { Table } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { keyJson } from '../../runtime/record/envelope.ts'
import { type Line, readAllLines, readRange } from './line-reader.ts'
import type { FilePart } from './table-folder.ts'

/** Within a string of JSON quotes are escaped: neither can stand in the cursor, in names or in the key. */
const KEY = ',"key":'
const VALUE = ',"value":{"before":'

/** Whether a line of a history is an event of one of these keys. Throws SINK_SCHEMA. */
export function isEventOf(table: Table, keys: readonly Uint8Array[]): (line: Line) => boolean {
  if (table.key.length === 0)
    throw new TailraceError('SINK_SCHEMA', 'stop', `The events of ${table.name} have no key to find a row by.`, {
      hint: 'Take its files out of the folder, or build the sink anew: tailrace remove --sink, then run.',
    })
  const texts = new Set(keys.map(key => keyJson(table, key)))
  return line => {
    const head = typeof line === 'string' ? line : line.head
    const at = head.indexOf(KEY)
    return at !== -1 && texts.has(head.slice(at + KEY.length, head.indexOf(VALUE, at)))
  }
}

/** Puts the lines to keep, and all markers, in the place of the file. After a crash it is the old file or the new one. */
export async function filterFile(part: FilePart, keeps: (line: Line) => boolean, signal: AbortSignal): Promise<void> {
  const scratch = `${part.path}.tmp`
  let isWhole = true
  const file = await open(scratch, 'w', 0o600)
  try {
    for await (const lines of readAllLines(part, signal)) {
      const kept = lines.filter(keeps)
      if (kept.length < lines.length) isWhole = false
      await writeLines(file, kept)
    }
    if (!isWhole) await file.sync()
  } catch (error) {
    await rm(scratch, { force: true })
    throw error
  } finally {
    await file.close()
  }
  if (isWhole) return rm(scratch)
  await rename(scratch, part.path)
  crashPoint('jsonl.filtered')
}

async function writeLines(file: FileHandle, lines: readonly Line[]): Promise<void> {
  let texts: string[] = []
  const flush = async (): Promise<void> => {
    if (texts.length > 0) await file.appendFile(`${texts.join('\n')}\n`)
    texts = []
  }
  for (const line of lines) {
    if (typeof line === 'string') {
      texts.push(line)
      continue
    }
    await flush()
    for await (const piece of readRange(line)) await file.appendFile(piece)
    await file.appendFile('\n')
  }
  await flush()
}
