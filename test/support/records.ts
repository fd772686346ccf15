import type { Batch, ChangeView, Column, LogicalType, Position, SourceIdentity, Table } from '../../runtime/contract.ts'
import { encodeCells } from '../../runtime/record/cells.ts'
import { freeze } from '../../runtime/record/schema.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import type { BatchWriter } from '../../runtime/record/writer.ts'

/** Tables, rows and batches for tests, without a source. */

export function column(name: string, kind: LogicalType['kind'] = 'text'): Column {
  return { name, type: { kind } as LogicalType, declared: kind, nullable: true }
}

export function table(name: string, overrides: Partial<Table> = {}): Table {
  return freeze({
    id: 1,
    name: `app.public.${name}`,
    source: 'app',
    schema: 'public',
    table: name,
    incarnation: 1,
    version: 1,
    columns: [column('id', 'int64'), column('body')],
    key: [0],
    appendOnly: false,
    origin: '',
    ...overrides,
  })
}

export function tuple(...values: (string | Uint8Array | null | undefined)[]): Tuple {
  const bytes = encodeCells(values)
  return { bytes, at: 0, end: bytes.length }
}

/** One transaction of `write`, as a batch of its own that ends at `position`. */
export function transaction(
  writer: BatchWriter,
  position: string,
  write: (writer: BatchWriter) => void,
  commitTime = 1_000_000n,
  identity?: SourceIdentity,
): Batch {
  writer.begin(position, position as Position, commitTime)
  write(writer)
  writer.commit()
  const end = { lane: 'stream', position: position as Position } as const
  return writer.take(identity === undefined ? end : { ...end, identity })
}

/** `kind key body` of each change, for comparing. */
export function told(changes: Iterable<ChangeView>): string[] {
  const lines: string[] = []
  for (const change of changes) {
    const { kind, table } = change
    if (kind === 's' || kind === 't') lines.push(`${kind} ${table.table}`)
    else if (kind === 'd') lines.push(`d ${change.before(0)}`)
    else lines.push(`${kind} ${change.text(0)} ${change.text(1)}`)
  }
  return lines
}
