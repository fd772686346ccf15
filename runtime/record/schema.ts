import { z } from 'zod'
import type { LogicalType, Table, UnitEnd } from '../contract.ts'
import { malformed } from './cells.ts'

/** Bodies of the entries that hold definitions: transaction headers (B), and as JSON a Table (s) and a UnitEnd (e, h). */

export function encodeTable(table: Table): Buffer {
  return Buffer.from(JSON.stringify(table))
}

/** Frozen to the bottom, so that a Table can be shared by reference. Members of later versions are left out. */
export function decodeTable(bytes: Uint8Array): Table {
  return freeze(parse(bytes, tableSchema, 'a table definition') as Table)
}

/** Body of a transaction header. */
export function encodeTransaction(id: string, position: string, commitTime: bigint): Buffer {
  const body = Buffer.allocUnsafe(16 + Buffer.byteLength(id) + Buffer.byteLength(position))
  body.writeBigInt64LE(commitTime, 0)
  let at = 8
  for (const text of [id, position]) {
    at = body.writeUInt32BE(Buffer.byteLength(text), at)
    at += body.write(text, at)
  }
  return body
}

export function encodeUnitEnd(end: UnitEnd): Buffer {
  return Buffer.from(JSON.stringify(end))
}

export function decodeUnitEnd(bytes: Uint8Array): UnitEnd {
  return parse(bytes, unitEndSchema, 'a unit end') as UnitEnd
}

export function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const part of Object.values(value)) freeze(part)
  }
  return value
}

const logicalType: z.ZodType<LogicalType> = z.lazy(() =>
  z.union([
    z.object({ kind: z.enum(['boolean', 'int16', 'int32', 'int64', 'uint64', 'float32', 'float64']) }),
    z.object({ kind: z.literal('decimal'), precision: z.exactOptional(z.int()), scale: z.exactOptional(z.int()) }),
    z.object({ kind: z.enum(['text', 'bytes', 'uuid', 'json', 'xml', 'bits', 'interval', 'date', 'other']) }),
    z.object({
      kind: z.enum(['time', 'timetz', 'timestamp', 'timestamptz']),
      precision: z.exactOptional(z.int()),
    }),
    z.object({ kind: z.literal('enum'), labels: z.array(z.string()) }),
    z.object({ kind: z.literal('array'), element: logicalType }),
  ]),
)

const tableSchema = z
  .object({
    id: z.int().min(1).max(0xffff_ffff),
    name: z.string(),
    source: z.string(),
    schema: z.string(),
    table: z.string(),
    incarnation: z.int(),
    version: z.int(),
    columns: z.array(
      z.object({
        name: z.string(),
        type: logicalType,
        declared: z.string(),
        nullable: z.boolean(),
        masked: z.exactOptional(z.boolean()),
      }),
    ),
    key: z.array(z.int().min(0)),
    appendOnly: z.boolean(),
    routed: z.exactOptional(z.literal(true)),
    excluded: z.exactOptional(z.array(z.string())),
    origin: z.string(),
  })
  .refine(({ key, columns }) => key.every((column, i) => column < columns.length && key.indexOf(column) === i))

const identity = z.exactOptional(z.record(z.string(), z.string()))
const pass = z.object({
  id: z.string(),
  since: z.string(),
  fence: z.exactOptional(z.object({ data: z.string(), high: z.string() })),
  isRead: z.exactOptional(z.literal(true)),
  isUnlimited: z.exactOptional(z.literal(true)),
})
const laneEnd = z.object({
  lane: z.string().startsWith('load:'),
  progress: z.object({
    done: z.boolean(),
    rows: z.number(),
    totalRows: z.number().nullable(),
    state: z.string(),
    pass: z.exactOptional(pass),
  }),
})
const unitEndSchema = z.union([
  z.object({ lane: z.literal('stream'), position: z.string(), identity }),
  laneEnd.extend({ others: z.exactOptional(z.array(laneEnd)), identity }),
])

function parse(bytes: Uint8Array, schema: z.ZodType, what: string): unknown {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')))
  } catch (cause) {
    throw malformed(`${what} with missing or strange parts`, 0, cause)
  }
}
