import type { Flavor } from '../wire-column.ts'

/** What decides how a server cuts SQL text into words. */
export interface LexicalMode {
  readonly flavor: Flavor
  /** sql_mode ANSI_QUOTES: what stands in double quotes is a name. */
  readonly ansiQuotes: boolean
  /** sql_mode NO_BACKSLASH_ESCAPES. */
  readonly noBackslashEscapes: boolean
}

const ANSI_QUOTES = 1n << 2n
const NO_BACKSLASH_ESCAPES = 1n << 20n

/** `sqlMode`: the bits as a QUERY event has them (Q_SQL_MODE_CODE; both flavors have these two in the same places). */
export function lexicalMode(flavor: Flavor, sqlMode: bigint): LexicalMode {
  return {
    flavor,
    ansiQuotes: (sqlMode & ANSI_QUOTES) !== 0n,
    noBackslashEscapes: (sqlMode & NO_BACKSLASH_ESCAPES) !== 0n,
  }
}

/**
 * `word`: without quotes: a keyword, a name or a number. `name`: in backticks, or in double quotes under ANSI_QUOTES.
 * `string`: a literal. `symbol`: any other character. `broken`: a quote or comment is not closed; nothing follows.
 */
export type TokenKind = 'word' | 'name' | 'string' | 'symbol' | 'end' | 'broken'

/** The server has no longer names than 64 characters; its own prefix for old ones (`#mysql50#`) comes on top. */
const MAX_NAME = 80

const TAB = 0x09
const CARRIAGE_RETURN = 0x0d
const BLANK = 0x20
const BANG = 0x21
const DOUBLE_QUOTE = 0x22
const HASH = 0x23
const DOLLAR = 0x24
const QUOTE = 0x27
const STAR = 0x2a
const DASH = 0x2d
const SLASH = 0x2f
const CAPITAL_M = 0x4d
const BACKSLASH = 0x5c
const UNDERSCORE = 0x5f
const BACKTICK = 0x60
const DELETE = 0x7f
/** Digits that make a number behind `/*!` a version. */
const VERSION_DIGITS = 5

/**
 * The tokens of a statement, one at a time; comments are none. What stands in a comment that the server executes counts:
 * `/*! ... *\/`, and MariaDB's `/*M! ... *\/`. Of one that it skips for its version it has blanked the mark before the
 * text went into the binary log (sql/sql_lex.cc of both). The text is decoded: a byte of a character is no backslash.
 */
export class Tokens {
  readonly #text: string
  readonly #mode: LexicalMode
  /** Behind the current token. */
  #at = 0
  #isInExecuted = false
  kind: TokenKind = 'end'
  /** The current token's content, without its quotes. */
  #from = 0
  #to = 0
  /** A name or string whose content has its own quote in it, doubled. */
  #hasDoubled = false
  #hasEscapes = false

  /** Stands on the first token. */
  constructor(text: string, mode: LexicalMode) {
    this.#text = text
    this.#mode = mode
    this.next()
  }

  next(): void {
    if (this.kind === 'broken') return
    if (!this.#skipBlanks()) {
      this.kind = 'broken'
      return
    }
    const code = this.#text.charCodeAt(this.#at)
    if (Number.isNaN(code)) this.kind = this.#isInExecuted ? 'broken' : 'end'
    else if (code === QUOTE || (code === DOUBLE_QUOTE && !this.#mode.ansiQuotes)) this.#quoted(code, 'string')
    else if (code === BACKTICK || code === DOUBLE_QUOTE) this.#quoted(code, 'name')
    else if (isWordCode(code)) this.#word()
    else {
      this.kind = 'symbol'
      this.#from = this.#at
      this.#to = ++this.#at
    }
  }

  /** Whether the current token is this word without quotes. `word`: ASCII capitals. */
  is(word: string): boolean {
    if (this.kind !== 'word' || this.#to - this.#from !== word.length) return false
    for (let i = 0; i < word.length; i++) {
      const code = this.#text.charCodeAt(this.#from + i)
      if (toCapital(code) !== word.charCodeAt(i)) return false
    }
    return true
  }

  isSymbol(symbol: string): boolean {
    return this.kind === 'symbol' && this.#text[this.#from] === symbol
  }

  /** Goes on behind the word and answers true, or stays and answers false. */
  take(word: string): boolean {
    if (!this.is(word)) return false
    this.next()
    return true
  }

  takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false
    this.next()
    return true
  }

  /** Goes on behind all of these words that follow, in any order. */
  takeAnyOf(words: readonly string[]): void {
    while (words.some(word => this.take(word)));
  }

  /** A name, with quotes or without, and goes on behind it; undefined where none is. */
  takeName(): string | undefined {
    if ((this.kind !== 'word' && this.kind !== 'name') || this.#to - this.#from > MAX_NAME) return undefined
    const text = this.#content()
    this.next()
    return text === '' ? undefined : text
  }

  /** A literal, and goes on behind it. Undefined where none is, or one with backslashes that mean something. */
  takeString(): string | undefined {
    if (this.kind !== 'string' || this.#hasEscapes) return undefined
    const text = this.#content()
    this.next()
    return text
  }

  /** The current word in capitals, when it is a short one in ASCII; else an empty text. */
  keyword(): string {
    if (this.kind !== 'word' || this.#to - this.#from > MAX_NAME) return ''
    const text = this.#content()
    return /^[A-Za-z_]+$/.test(text) ? text.toUpperCase() : ''
  }

  #content(): string {
    const text = this.#text.slice(this.#from, this.#to)
    if (!this.#hasDoubled) return text
    const quote = this.#text[this.#to]!
    return text.replaceAll(quote + quote, quote)
  }

  #word(): void {
    this.kind = 'word'
    this.#from = this.#at
    while (isWordCode(this.#text.charCodeAt(this.#at))) this.#at++
    this.#to = this.#at
    this.#hasDoubled = false
  }

  #quoted(quote: number, kind: 'name' | 'string'): void {
    const text = this.#text
    const hasEscapes = kind === 'string' && !this.#mode.noBackslashEscapes
    this.#hasDoubled = false
    this.#hasEscapes = false
    this.#from = this.#at + 1
    for (let at = this.#from; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === BACKSLASH && hasEscapes) {
        this.#hasEscapes = true
        at++
      } else if (code === quote) {
        if (text.charCodeAt(at + 1) !== quote) {
          this.kind = kind
          this.#to = at
          this.#at = at + 1
          return
        }
        this.#hasDoubled = true
        at++
      }
    }
    this.kind = 'broken'
  }

  /** To the next token. False: a comment is not closed. */
  #skipBlanks(): boolean {
    const text = this.#text
    for (;;) {
      const code = text.charCodeAt(this.#at)
      const following = text.charCodeAt(this.#at + 1)
      if (isBlank(code)) this.#at++
      else if (code === HASH || (code === DASH && following === DASH && this.#isDashComment())) this.#skipLine()
      else if (code === STAR && following === SLASH && this.#isInExecuted) {
        this.#isInExecuted = false
        this.#at += 2
      } else if (code === SLASH && following === STAR) {
        if (!this.#enterExecuted() && !this.#skipComment()) return false
      } else return true
    }
  }

  /** Two dashes begin a comment only before a blank, a control character or the end. */
  #isDashComment(): boolean {
    const code = this.#text.charCodeAt(this.#at + 2)
    return Number.isNaN(code) || code <= BLANK || code === DELETE
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at)
    this.#at = end < 0 ? this.#text.length : end + 1
  }

  #skipComment(): boolean {
    const end = this.#text.indexOf('*/', this.#at + 2)
    this.#at = end + 2
    return end >= 0
  }

  #enterExecuted(): boolean {
    const text = this.#text
    let at = this.#at + 2
    if (this.#mode.flavor === 'mariadb' && text.charCodeAt(at) === CAPITAL_M) at++
    if (text.charCodeAt(at) !== BANG) return false
    at++
    let digits = 0
    while (digits <= VERSION_DIGITS && isDigit(text.charCodeAt(at + digits))) digits++
    this.#at = digits < VERSION_DIGITS ? at : at + digits
    this.#isInExecuted = true
    return true
  }
}

function isBlank(code: number): boolean {
  return code === BLANK || (code >= TAB && code <= CARRIAGE_RETURN)
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function toCapital(code: number): number {
  return code >= 0x61 && code <= 0x7a ? code - BLANK : code
}

function isWordCode(code: number): boolean {
  const capital = toCapital(code)
  return (
    (capital >= 0x41 && capital <= 0x5a) || isDigit(code) || code === UNDERSCORE || code === DOLLAR || code > DELETE
  )
}
