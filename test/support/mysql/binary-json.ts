/** Documents in MySQL's binary form (sql-common/json_binary.h), and the text that the server prints for them. */

export type Json = null | boolean | number | bigint | string | readonly Json[] | Map<string, Json> | Opaque
export class Opaque {
  readonly type: number
  readonly bytes: Buffer

  constructor(type: number, bytes: Buffer) {
    this.type = type
    this.bytes = bytes
  }
}

/** A whole document; `large`: with the wide offsets, whether it needs them or not. Integers are bigints. */
export function encodeJson(value: Json, large = false): Buffer {
  const { kind, body } = encoded(value, large)
  return Buffer.concat([Buffer.from([kind]), body])
}

interface Encoded {
  readonly kind: number
  readonly body: Buffer
  readonly inline: boolean
}

function encoded(value: Json, large: boolean): Encoded {
  if (value === null || typeof value === 'boolean')
    return { kind: 4, body: Buffer.from([value === null ? 0 : value ? 1 : 2]), inline: true }
  if (typeof value === 'bigint') return integer(value, large)
  if (typeof value === 'number') {
    const body = Buffer.alloc(8)
    body.writeDoubleLE(value)
    return { kind: 11, body, inline: false }
  }
  if (typeof value === 'string') return { kind: 12, body: withLength(Buffer.from(value)), inline: false }
  if (value instanceof Opaque)
    return { kind: 15, body: Buffer.concat([Buffer.from([value.type]), withLength(value.bytes)]), inline: false }
  return container(value, large)
}

function integer(value: bigint, large: boolean): Encoded {
  const body = Buffer.alloc(8)
  body.writeBigUInt64LE(BigInt.asUintN(64, value))
  if (BigInt.asIntN(16, value) === value) return { kind: 5, body: body.subarray(0, 2), inline: true }
  if (BigInt.asUintN(16, value) === value) return { kind: 6, body: body.subarray(0, 2), inline: true }
  if (BigInt.asIntN(32, value) === value) return { kind: 7, body: body.subarray(0, 4), inline: large }
  if (BigInt.asUintN(32, value) === value) return { kind: 8, body: body.subarray(0, 4), inline: large }
  return { kind: BigInt.asIntN(64, value) === value ? 9 : 10, body, inline: false }
}

function withLength(bytes: Buffer): Buffer {
  const length: number[] = []
  let rest = bytes.length
  do {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.concat([Buffer.from(length), bytes])
}

function container(value: readonly Json[] | Map<string, Json>, large: boolean): Encoded {
  const keys = value instanceof Map ? [...value.keys()].map(key => Buffer.from(key)) : []
  const members = value instanceof Map ? [...value.values()] : value
  const wide = large ? 4 : 2
  const head = 2 * wide + keys.length * (wide + 2) + members.length * (wide + 1)
  const parts: Buffer[] = []
  let end = head
  const offset = (number: number): Buffer => {
    const bytes = Buffer.alloc(wide)
    bytes.writeUIntLE(number, 0, wide)
    return bytes
  }
  const add = (part: Buffer): number => {
    parts.push(part)
    end += part.length
    return end - part.length
  }
  const keyEntries = keys.map(key => {
    const length = Buffer.alloc(2)
    length.writeUInt16LE(key.length)
    return Buffer.concat([offset(add(key)), length])
  })
  const entries = members.map(member => {
    const { kind, body, inline } = encoded(member, large)
    const place = inline ? Buffer.concat([body, Buffer.alloc(wide)]).subarray(0, wide) : offset(add(body))
    return Buffer.concat([Buffer.from([kind]), place])
  })
  const body = Buffer.concat([offset(members.length), offset(end), ...keyEntries, ...entries, ...parts])
  return { kind: (value instanceof Map ? 0 : 2) + (large ? 1 : 0), body, inline: false }
}

/** Without opaque values. Doubles are those whose JavaScript text is the server's. */
export function printedJson(value: Json): string {
  if (typeof value === 'number') return Number.isInteger(value) ? `${value}.0` : String(value)
  if (typeof value === 'string' || value === null || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Opaque) throw new Error('printed by its type')
  if (value instanceof Map)
    return `{${[...value].map(([key, member]) => `${printedJson(key)}: ${printedJson(member)}`).join(', ')}}`
  return `[${value.map(printedJson).join(', ')}]`
}
