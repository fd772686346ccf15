import { Charsets } from '../../../connectors/mysql/values/charsets.ts'
import type { Flavor } from '../../../connectors/mysql/wire-column.ts'

/** A server's character sets without a server: characters are those of browsers. */

const SETS = [
  ['ascii', 1],
  ['binary', 1],
  ['cp1251', 1],
  ['gb18030', 4],
  ['latin1', 1],
  ['sjis', 2],
  ['ucs2', 2],
  ['ujis', 3],
  ['utf16', 4],
  ['utf8mb3', 3],
  ['utf8mb4', 4],
] as const

const COLLATIONS = [
  [8, 'latin1'],
  [11, 'ascii'],
  [13, 'sjis'],
  [33, 'utf8mb3'],
  [45, 'utf8mb4'],
  [51, 'cp1251'],
  [54, 'utf16'],
  [63, 'binary'],
] as const

const LABELS: Readonly<Record<string, string>> = {
  cp1251: 'windows-1251',
  gb18030: 'gb18030',
  sjis: 'shift_jis',
  ujis: 'euc-jp',
}

/** As the server answers what `Charsets` asks. */
export async function paperQuery(sql: string): Promise<(string | null)[][]> {
  if (sql.includes('MAXLEN')) return SETS.map(([name, length]) => [name, String(length)])
  if (sql.includes('information_schema')) return COLLATIONS.map(([id, name]) => [String(id), name])
  const [, hex, charset] = /X'([0-9a-f]*)' USING (\w+)/.exec(sql)!
  return [[characters(Buffer.from(hex!, 'hex'), charset!).toString('hex')]]
}

export function paperCharsets(flavor: Flavor): Promise<Charsets> {
  return Charsets.load(flavor, paperQuery)
}

const QUESTION_MARK = 0x3f

function characters(bytes: Buffer, charset: string): Buffer {
  const points: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = lengthAt(bytes, at, charset)
    const point = pointOf(bytes.subarray(at, at + length), charset)
    points.push(point ?? QUESTION_MARK)
    at += length
  }
  const utf32 = Buffer.alloc(4 * points.length)
  for (const [i, point] of points.entries()) utf32.writeUInt32BE(point, 4 * i)
  return utf32
}

function lengthAt(bytes: Buffer, at: number, charset: string): number {
  const [first, second] = [bytes[at]!, bytes[at + 1]!]
  if (first < 0x80 || LABELS[charset] === undefined || charset === 'cp1251') return 1
  if (charset === 'gb18030') return second < 0x40 ? 4 : 2
  if (charset === 'ujis') return first === 0x8f ? 3 : 2
  return first > 0xa0 && first < 0xe0 ? 1 : 2
}

function pointOf(code: Buffer, charset: string): number | undefined {
  // Node takes Windows's for that of ISO; of its characters the one is enough here.
  if (LABELS[charset] === undefined) return charset === 'latin1' && code[0] === 0x80 ? 0x20ac : code[0]
  if (charset === 'cp1251' && code[0] === 0x98) return undefined
  try {
    const decoder = new TextDecoder(LABELS[charset], { fatal: true, ignoreBOM: true })
    return decoder.decode(code).codePointAt(0)
  } catch {
    return undefined
  }
}
