import { unreadable } from './binlog-error.ts'

/** A JSON document whose scalars stay the text they are, so that no number loses a digit. */
export type JsonNode = string | JsonArray | JsonObject

export type JsonArray = JsonNode[]

/** Members by their name, each with its name as it is printed. In any order until they are printed. */
export type JsonObject = Map<string, JsonMember>

export interface JsonMember {
  readonly printedName: string
  value: JsonNode
}

/** MySQL allows 100. */
const DEEPEST = 100

/** Everything up to what may end a scalar. */
const SCALAR = /[^,\]}\s]+/y
const STRING = /"(?:[^"\\]|\\.)*"/sy
const BLANKS = /\s*/y

/** Throws BINLOG_UNREADABLE. */
export function parseJson(text: string): JsonNode {
  const parser = new Parser(text)
  const node = parser.node(0)
  parser.end()
  return node
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  node(depth: number): JsonNode {
    this.#take(BLANKS)
    const first = this.#text[this.#at]
    if (first !== '[' && first !== '{') return this.#take(first === '"' ? STRING : SCALAR)
    if (depth >= DEEPEST) throw malformed()
    this.#at++
    return first === '[' ? this.#array(depth + 1) : this.#object(depth + 1)
  }

  end(): void {
    this.#take(BLANKS)
    if (this.#at !== this.#text.length) throw malformed()
  }

  #array(depth: number): JsonArray {
    const array: JsonArray = []
    if (this.#is(']')) return array
    do array.push(this.node(depth))
    while (this.#is(','))
    if (!this.#is(']')) throw malformed()
    return array
  }

  #object(depth: number): JsonObject {
    const object: JsonObject = new Map()
    if (this.#is('}')) return object
    do {
      this.#take(BLANKS)
      const printedName = this.#take(STRING)
      if (!this.#is(':')) throw malformed()
      object.set(nameOf(printedName), { printedName, value: this.node(depth) })
    } while (this.#is(','))
    if (!this.#is('}')) throw malformed()
    return object
  }

  #is(mark: string): boolean {
    this.#take(BLANKS)
    if (this.#text[this.#at] !== mark) return false
    this.#at++
    return true
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) throw malformed()
    this.#at += match[0].length
    return match[0]
  }
}

function nameOf(printed: string): string {
  if (!printed.includes('\\')) return printed.slice(1, -1)
  try {
    return String(JSON.parse(printed))
  } catch {
    throw malformed()
  }
}

/** As MySQL prints it: a blank behind commas and colons, members with shorter names first, then by their bytes. */
export function printJson(node: JsonNode): string {
  const parts: string[] = []
  print(node, parts)
  return parts.join('')
}

function print(node: JsonNode, parts: string[]): void {
  if (typeof node === 'string') {
    parts.push(node)
    return
  }
  let separator = ''
  if (Array.isArray(node)) {
    parts.push('[')
    for (const element of node) {
      parts.push(separator)
      print(element, parts)
      separator = ', '
    }
    parts.push(']')
    return
  }
  parts.push('{')
  for (const { printedName, value } of inOrder(node)) {
    parts.push(separator, printedName, ': ')
    print(value, parts)
    separator = ', '
  }
  parts.push('}')
}

function inOrder(object: JsonObject): JsonMember[] {
  return Array.from(object, ([name, member]) => ({ member, bytes: Buffer.from(name) }))
    .sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes))
    .map(({ member }) => member)
}

function malformed(): Error {
  return unreadable('a JSON document is malformed')
}
