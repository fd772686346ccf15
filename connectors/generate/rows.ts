import { encodeCells, textCellSize, writeCellHead } from '../../runtime/record/cells.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import { hash } from './hash.ts'

/**
 * Rows from numbers: all cells but the first (id) and the last (note) have a fixed width and stand in a template whose
 * digits are overwritten in place.
 */
const TEMPLATE = [
  '100000',
  'pending',
  '1000.00',
  'EUR',
  '10',
  't',
  '2026-01-01 00:00:00.000000+00',
  '2026-01-01 00:00:00.000000+00',
  'customer100000@mail.example',
  'Löwenstraße 10, 8001 Zürich',
] as const
const [CUSTOMER, STATUS, AMOUNT, CURRENCY, QUANTITY, PAID, CREATED, UPDATED, EMAIL, ADDRESS] = startsOf(TEMPLATE)
const FIXED = encodeCells(TEMPLATE)
/** Room for the id's cell ahead of the fixed part. */
const FIXED_AT = 24
const NOTE_AT = FIXED_AT + FIXED.length

const STATES = ['pending', 'shipped', 'settled', 'expired'].map(text => Buffer.from(text))
const CURRENCIES = ['EUR', 'USD', 'CHF', 'JPY'].map(text => Buffer.from(text))
const NOTES = Buffer.from(
  'Leave it at the back door behind the green bins, ring twice and wait; the dog is friendly but loud. If nobody is ' +
    'home, the neighbours on the second floor take parcels until eight in the evening, later only on Fridays.',
)
/** `00` to `99`. */
const PAIRS = Buffer.from(Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0')).join(''))
const SHORTEST_NOTE = 40
const LONGEST_NOTE = 120

/** Where the content of each fixed cell begins, counted from the first. */
function startsOf<const T extends readonly string[]>(cells: T): { [K in keyof T]: number } {
  let at = 0
  return cells.map(cell => {
    const size = textCellSize(Buffer.byteLength(cell))
    at += size
    return at - Buffer.byteLength(cell)
  }) as { [K in keyof T]: number }
}

/** Encodes one row at a time into memory of its own. */
export class RowEncoder {
  readonly #seed: number
  readonly #bytes = Buffer.alloc(NOTE_AT + textCellSize(LONGEST_NOTE))
  readonly #tuple: { bytes: Buffer; at: number; end: number }
  readonly #keyTuple: { readonly bytes: Buffer; at: number; readonly end: number }

  constructor(seed: number) {
    this.#seed = seed
    this.#bytes.set(FIXED, FIXED_AT)
    this.#tuple = { bytes: this.#bytes, at: 0, end: 0 }
    const end = FIXED_AT + TEMPLATE.length + 1
    this.#keyTuple = { bytes: Buffer.alloc(end, CellTag.null), at: 0, end }
  }

  /** The row as change `change` left it; -1: as the first load read it. Valid until the next call. */
  row(id: number, change: number): Tuple {
    const bytes = this.#bytes
    const life = hash(this.#seed, id, 1)
    const now = hash(this.#seed, id, change)
    const more = hash(now, change, id)
    const customer = 100_000 + (life % 900_000)
    digits(bytes, FIXED_AT + CUSTOMER, customer, 6)
    digits(bytes, FIXED_AT + EMAIL + 8, customer, 6)
    digits(bytes, FIXED_AT + ADDRESS + 14, 10 + (life % 90), 2)
    time(bytes, FIXED_AT + CREATED, life)
    time(bytes, FIXED_AT + UPDATED, now)
    const amount = 100_000 + (more % 900_000)
    digits(bytes, FIXED_AT + AMOUNT, (amount / 100) | 0, 4)
    digits(bytes, FIXED_AT + AMOUNT + 5, amount % 100, 2)
    digits(bytes, FIXED_AT + QUANTITY, 10 + (now % 90), 2)
    letters(bytes, FIXED_AT + STATUS, STATES[more & 3]!)
    letters(bytes, FIXED_AT + CURRENCY, CURRENCIES[life & 3]!)
    bytes[FIXED_AT + PAID] = (more & 4) === 0 ? 0x66 : 0x74
    this.#tuple.at = idCell(bytes, id)
    this.#tuple.end = note(bytes, more)
    return this.#tuple
  }

  /** A tuple in which only the key holds a value, as for a delete. Valid until the next call. */
  key(id: number): Tuple {
    this.#keyTuple.at = idCell(this.#keyTuple.bytes, id)
    return this.#keyTuple
  }

  /** The canonical key, in memory of its own. */
  keyBytes(id: number): Uint8Array {
    return keyFromTexts([String(id)])
  }
}

function idCell(bytes: Buffer, id: number): number {
  let at = FIXED_AT
  let rest = id
  while (rest > 0x7fff_ffff) {
    const digit = rest % 10
    bytes[--at] = 0x30 + digit
    rest = (rest - digit) / 10
  }
  do {
    const next = (rest / 10) | 0
    bytes[--at] = 0x30 + rest - 10 * next
    rest = next
  } while (rest > 0)
  writeCellHead(bytes, at - 5, CellTag.text, FIXED_AT - at)
  return at - 5
}

/** One in 16 is null. */
function note(bytes: Buffer, bits: number): number {
  if ((bits & 15) === 0) {
    bytes[NOTE_AT] = CellTag.null
    return NOTE_AT + 1
  }
  const length = SHORTEST_NOTE + ((bits >>> 4) % (LONGEST_NOTE - SHORTEST_NOTE + 1))
  const from = (bits >>> 12) % (NOTES.length - length)
  const at = writeCellHead(bytes, NOTE_AT, CellTag.text, length)
  NOTES.copy(bytes, at, from, from + length)
  return at + length
}

/** `count` digits, an even number of them, of a value below 2^31. */
function digits(bytes: Buffer, at: number, value: number, count: number): void {
  let rest = value
  for (let i = at + count - 2; i >= at; i -= 2) {
    const next = (rest / 100) | 0
    const pair = 2 * (rest - 100 * next)
    bytes[i] = PAIRS[pair]!
    bytes[i + 1] = PAIRS[pair + 1]!
    rest = next
  }
}

function letters(bytes: Buffer, at: number, text: Buffer): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text[i]!
}

/** A moment of 2026 from 31 bits. */
function time(bytes: Buffer, at: number, bits: number): void {
  digits(bytes, at + 5, 1 + (((bits & 0xff) * 12) >> 8), 2)
  digits(bytes, at + 8, 1 + ((((bits >> 6) & 0xff) * 28) >> 8), 2)
  digits(bytes, at + 11, (((bits >> 10) & 0xff) * 24) >> 8, 2)
  digits(bytes, at + 14, (((bits >> 15) & 0xff) * 60) >> 8, 2)
  digits(bytes, at + 17, (((bits >> 20) & 0xff) * 60) >> 8, 2)
  digits(bytes, at + 20, bits % 1_000_000, 6)
}
