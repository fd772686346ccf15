/** Messages of pgoutput, protocol 1, as a server sends them. */

/** null, undefined for an unchanged value, or text. */
export type Value = string | Uint8Array | null | undefined

const u8 = (value: number): Buffer => Buffer.from([value])
const letter = (value: string): Buffer => Buffer.from(value, 'latin1')
const text = (value: string): Buffer => Buffer.from(`${value}\0`)
const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

export function begin(commitLsn: bigint, xid = 700, time = 0n): Buffer {
  return Buffer.concat([letter('B'), u64(commitLsn), u64(time), u32(xid)])
}

/** The commit record begins at `commitLsn` and ends at `end`. */
export function commit(commitLsn: bigint, end = commitLsn + 48n): Buffer {
  return Buffer.concat([letter('C'), u8(0), u64(commitLsn), u64(end), u64(0n)])
}

export function message(prefix: string, content = ''): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([letter('M'), u8(1), u64(0n), text(prefix), u32(bytes.length), bytes])
}

export function relation(oid: number, table: string, columns: readonly string[], identity = 'd'): Buffer {
  const described = columns.map((name, i) =>
    Buffer.concat([u8(i === 0 || identity === 'f' ? 1 : 0), text(name), u32(25), u32(0xffff_ffff)]),
  )
  const head = [letter('R'), u32(oid), text('public'), text(table), letter(identity), u16(columns.length)]
  return Buffer.concat([...head, ...described])
}

export function tuple(values: readonly Value[]): Buffer {
  const cells = values.map(value => {
    if (value === null) return letter('n')
    if (value === undefined) return letter('u')
    const bytes = Buffer.from(value as string)
    return Buffer.concat([letter('t'), u32(bytes.length), bytes])
  })
  return Buffer.concat([u16(values.length), ...cells])
}

export function insert(oid: number, values: readonly Value[]): Buffer {
  return Buffer.concat([letter('I'), u32(oid), letter('N'), tuple(values)])
}

/** `old`: its key alone (K) or the whole row (O). */
export function update(oid: number, values: readonly Value[], old?: { K?: Value[]; O?: Value[] }): Buffer {
  const before = old?.K ? [letter('K'), tuple(old.K)] : old?.O ? [letter('O'), tuple(old.O)] : []
  return Buffer.concat([letter('U'), u32(oid), ...before, letter('N'), tuple(values)])
}

export function remove(oid: number, values: readonly Value[], full = false): Buffer {
  return Buffer.concat([letter('D'), u32(oid), letter(full ? 'O' : 'K'), tuple(values)])
}

export function truncate(...oids: number[]): Buffer {
  return Buffer.concat([letter('T'), u32(oids.length), u8(0), ...oids.map(u32)])
}

/** One message of the frontend protocol: type, length, body. */
export function frame(type: string, body: Uint8Array): Buffer {
  return Buffer.concat([letter(type), u32(body.length + 4), body])
}
