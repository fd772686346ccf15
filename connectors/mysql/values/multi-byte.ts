import { NO_POINT, NONE, pointOf, type ReadPoint } from './text.ts'

/**
 * Character sets of East Asia. Which bytes make a character is known here; which character it is the server says, since
 * everybody's tables differ (0x815f of sjis is a backslash to MySQL and a wide one to browsers).
 */

type Range = readonly [first: number, last: number]

interface Shape {
  /** Characters of one byte beyond ASCII. */
  readonly singles: readonly Range[]
  readonly doubles: readonly { readonly leads: readonly Range[]; readonly trails: readonly Range[] }[]
  /** The byte in front of characters of three, the last two of which are like those of `doubles`. */
  readonly triple?: number
  /** Characters of four bytes as GB 18030 has them. */
  readonly quads?: true
}

const EUC: Shape['doubles'] = [
  { leads: [[0xa1, 0xfe]], trails: [[0xa1, 0xfe]] },
  { leads: [[0x8e, 0x8e]], trails: [[0xa1, 0xdf]] },
]
// biome-ignore format: ranges read best side by side
const SHIFTED: Shape = {
  singles: [[0xa1, 0xdf]],
  doubles: [{ leads: [[0x81, 0x9f], [0xe0, 0xfc]], trails: [[0x40, 0x7e], [0x80, 0xfc]] }],
}
// biome-ignore format: ranges read best side by side
const CHINESE: Shape['doubles'] = [{ leads: [[0x81, 0xfe]], trails: [[0x40, 0x7e], [0x80, 0xfe]] }]

// biome-ignore format: ranges read best side by side
const SHAPES: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['big5', { singles: [], doubles: [{ leads: [[0xa1, 0xf9]], trails: [[0x40, 0x7e], [0xa1, 0xfe]] }] }],
  ['cp932', SHIFTED],
  ['eucjpms', { singles: [], doubles: EUC, triple: 0x8f }],
  ['euckr', { singles: [], doubles: [{ leads: [[0x81, 0xfe]], trails: [[0x41, 0x5a], [0x61, 0x7a], [0x81, 0xfe]] }] }],
  ['gb18030', { singles: [], doubles: CHINESE, quads: true }],
  ['gb2312', { singles: [], doubles: [{ leads: [[0xa1, 0xf7]], trails: [[0xa1, 0xfe]] }] }],
  ['gbk', { singles: [], doubles: CHINESE }],
  ['sjis', SHIFTED],
  ['ujis', { singles: [], doubles: EUC, triple: 0x8f }],
])

export function isMultiByte(charset: string): boolean {
  return SHAPES.has(charset)
}

/** Code points of these characters, which all have `length` bytes; NONE where the server has no character. */
export type AskPoints = (codes: Buffer, length: number) => Promise<Uint32Array>

/** All characters of a set for which `isMultiByte` holds. */
export async function multiByteReader(charset: string, ask: AskPoints): Promise<ReadPoint> {
  const { singles, doubles, triple, quads } = SHAPES.get(charset)!
  const single = await filled(256, [...each([[0, 0x7f], ...singles])], 1, ask)
  const pairs = doubles.flatMap(({ leads, trails }) =>
    [...each(leads)].flatMap(lead => [...each(trails)].map(trail => (lead << 8) | trail)),
  )
  const double = await filled(0x1_0000, pairs, 2, ask)
  const euc = [...each([[0xa1, 0xfe]])]
  const triples = euc.flatMap(second => euc.map(third => (second << 8) | third))
  const three = triple === undefined ? undefined : await filled(0x1_0000, triples, 3, ask, triple)
  const four = quads === undefined ? undefined : await readQuads(ask)
  return (bytes, at, to) => {
    const first = bytes[at]!
    if (single[first] !== NONE) return pointOf(single[first]!, 1)
    if (at + 2 > to) return NO_POINT
    if (first === triple) {
      const point = at + 3 > to ? NONE : three![(bytes[at + 1]! << 8) | bytes[at + 2]!]!
      return point === NONE ? NO_POINT : pointOf(point, 3)
    }
    const point = double[(first << 8) | bytes[at + 1]!]!
    if (point !== NONE) return pointOf(point, 2)
    return four === undefined || at + 4 > to ? NO_POINT : four(bytes, at)
  }
}

function* each(ranges: readonly Range[]): Generator<number> {
  for (const [first, last] of ranges) for (let value = first; value <= last; value++) yield value
}

async function filled(
  size: number,
  codes: readonly number[],
  length: 1 | 2 | 3,
  ask: AskPoints,
  lead = 0,
): Promise<Uint32Array> {
  const bytes = Buffer.alloc(codes.length * length)
  for (const [i, code] of codes.entries()) {
    bytes.writeUIntBE(length === 3 ? lead * 0x1_0000 + code : code, i * length, length)
  }
  const points = await ask(bytes, length)
  const table = new Uint32Array(size).fill(NONE)
  for (const [i, code] of codes.entries()) table[code] = points[i]!
  return table
}

/** Linear places of GB 18030: bytes 81..fe, 30..39, 81..fe, 30..39 are digits of a number. */
const BMP_QUADS = 39_420
const SUPPLEMENTARY_FROM = 189_000

async function readQuads(ask: AskPoints): Promise<(bytes: Buffer, at: number) => number> {
  const codes = Buffer.alloc(BMP_QUADS * 4)
  for (let place = 0; place < BMP_QUADS; place++) {
    codes[4 * place] = 0x81 + Math.floor(place / 12_600)
    codes[4 * place + 1] = 0x30 + (Math.floor(place / 1260) % 10)
    codes[4 * place + 2] = 0x81 + (Math.floor(place / 10) % 126)
    codes[4 * place + 3] = 0x30 + (place % 10)
  }
  const points = await ask(codes, 4)
  return (bytes, at) => {
    const [a, b] = [bytes[at]! - 0x81, bytes[at + 1]! - 0x30]
    const [c, d] = [bytes[at + 2]! - 0x81, bytes[at + 3]! - 0x30]
    if (a < 0 || a > 125 || b < 0 || b > 9 || c < 0 || c > 125 || d < 0 || d > 9) return NO_POINT
    const place = ((a * 10 + b) * 126 + c) * 10 + d
    if (place < BMP_QUADS) return points[place] === NONE ? NO_POINT : pointOf(points[place]!, 4)
    const point = 0x1_0000 + place - SUPPLEMENTARY_FROM
    return point < 0x1_0000 || point > 0x10_ffff ? NO_POINT : pointOf(point, 4)
  }
}
