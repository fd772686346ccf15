/** What the server reports, in the form that mysql2 gives its errors. */
export interface ServerReport extends Error {
  readonly errno: number
  readonly sqlState: string
}

const STATE_MARK = 0x23

/** Of an error packet (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_err_packet.html). */
export function errorPacket(bytes: Buffer, at: number, end: number): ServerReport {
  const errno = bytes.readUInt16LE(at + 1)
  const hasState = bytes[at + 3] === STATE_MARK
  const sqlState = hasState ? bytes.toString('latin1', at + 4, at + 9) : ''
  const text = bytes.toString('utf8', hasState ? at + 9 : at + 3, end)
  return Object.assign(new Error(text), { errno, sqlState })
}
