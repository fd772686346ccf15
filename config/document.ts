import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml'
import { errorMessage } from '../runtime/errors.ts'
import { type Problem, pathText } from './problem.ts'

/** Aliases that one file may follow: enough to share settings, too few for an alias bomb. */
const MOST_ALIASES = 100

/** Keys that would reach into an object's own machinery. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype'])

/** A parsed YAML file in which each value knows where it stands. */
export class ConfigDocument {
  readonly #document: Document
  readonly #lines: LineCounter
  readonly #text: string
  readonly problems: Problem[] = []

  /** Parser warnings count as errors. Nothing is thrown: see `problems`. */
  constructor(text: string) {
    this.#text = text
    this.#lines = new LineCounter()
    this.#document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: true, strict: true })
    const [error] = [...this.#document.errors, ...this.#document.warnings]
    // The parser's later errors follow from its first.
    if (error !== undefined) this.#syntaxError(error.message.split(/ at line \d+/)[0]!, error.pos[0], text)
    else this.#checkKeys()
  }

  /** Every scalar value (keys are not values), once, also behind aliases. */
  *scalars(): Generator<Scalar> {
    const found: Scalar[] = []
    visit(this.#document, {
      Scalar(key, node) {
        if (key !== 'key') found.push(node)
      },
    })
    yield* found
  }

  /** Plain JavaScript values; undefined, with a problem added, when aliases multiply without bound. */
  toValue(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MOST_ALIASES })
    } catch (error) {
      this.problems.push({ code: 'CONFIG_SYNTAX', line: 1, column: 1, path: '', message: errorMessage(error) })
      return undefined
    }
  }

  /** Names of the members at this path; none if it is not a map. */
  keys(path: readonly PropertyKey[]): string[] {
    const node = this.#nodeAt(path)
    return isMap(node) ? node.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : []
  }

  /** Sets, or with undefined takes away, one value; nothing if its parent is there and no map. */
  set(path: readonly string[], value: unknown): void {
    const above = this.#nodeAt(path.slice(0, -1)) ?? undefined
    if (above !== undefined && !isMap(above)) return
    // Elsewhere an alias stands for the same map, which stays as it is.
    path.slice(0, -1).forEach((_, depth) => {
      const parent = path.slice(0, depth + 1)
      const node = this.#document.getIn(parent, true)
      if (isAlias(node)) this.#document.setIn(parent, node.resolve(this.#document)?.clone())
    })
    if (value === undefined) this.#document.deleteIn(path)
    else this.#document.setIn(path, this.#document.createNode(value))
  }

  /** A problem at the value of this path, at its key if `at` says so, or at the nearest parent that exists. */
  problem(
    code: string,
    path: readonly PropertyKey[],
    message: string,
    options: { hint?: string | undefined; at?: 'key' } = {},
  ): Problem {
    const offset = this.#offset(path, options.at === 'key')
    const { line, column } = this.#position(offset)
    const problem = { code, line, column, path: pathText(path), message }
    return options.hint === undefined ? problem : { ...problem, hint: options.hint }
  }

  /** The same at a character of the text that stands there, where the file has that text as it is. */
  problemWithin(code: string, path: readonly PropertyKey[], at: number, message: string): Problem {
    const scalar = this.scalarAt(path)
    const [from, to] = scalar?.range ?? [0, 0]
    const written = this.#text.slice(from, to)
    const text = String(scalar?.value).slice(0, at)
    const inside = [written, written.slice(1)].findIndex(one => one.startsWith(text) && !text.includes('\n'))
    if (inside === -1) return this.problem(code, path, `${message}, at character ${at + 1}`)
    const problem = this.problem(code, path, message)
    return { ...problem, column: problem.column + inside + at }
  }

  problemAt(code: string, node: Node, message: string, hint?: string): Problem {
    const { line, column } = this.#position(node.range?.[0] ?? 0)
    const problem = { code, line, column, path: '', message }
    return hint === undefined ? problem : { ...problem, hint }
  }

  /** The scalar at this path, aliases followed. */
  scalarAt(path: readonly PropertyKey[]): Scalar | undefined {
    const node = this.#nodeAt(path)
    return isScalar(node) ? node : undefined
  }

  /** Aliases followed. */
  #nodeAt(path: readonly PropertyKey[]): unknown {
    let node: unknown = this.#document.contents
    for (const part of path) {
      node = this.#resolve(node)
      if (isMap(node)) node = node.items.find(pair => isScalar(pair.key) && pair.key.value === part)?.value
      else if (isSeq(node)) node = node.items[Number(part)]
      else return undefined
    }
    return this.#resolve(node)
  }

  #offset(path: readonly PropertyKey[], atKey: boolean): number {
    let node: unknown = this.#document.contents
    let offset = 0
    path.forEach((part, depth) => {
      node = this.#resolve(node)
      const last = depth === path.length - 1
      if (isMap(node)) {
        const pair = node.items.find(item => isScalar(item.key) && item.key.value === part)
        if (pair === undefined) {
          node = undefined
          return
        }
        const key = (pair.key as Scalar).range?.[0] ?? offset
        const value = (pair.value as Node | null)?.range?.[0]
        offset = last && !atKey ? (value ?? key) : key
        node = pair.value
      } else if (isSeq(node)) {
        node = node.items[Number(part)]
        offset = (node as Node | undefined)?.range?.[0] ?? offset
      } else node = undefined
    })
    return offset
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node
  }

  #position(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  #syntaxError(message: string, offset: number, text: string): void {
    const { line, column } = this.#position(offset)
    const written = text.split('\n')[line - 1] ?? ''
    const problem = { code: 'CONFIG_SYNTAX', line, column, path: '', message }
    if (written.includes('${'))
      // biome-ignore lint/suspicious/noTemplateCurlyInString: shown to the user as written
      this.problems.push({ ...problem, hint: 'Inside { } and before a colon, ${...} must be quoted: "${NAME}".' })
    else this.problems.push(problem)
  }

  #checkKeys(): void {
    visit(this.#document, {
      Pair: (_, pair) => {
        const { key } = pair
        if (!isPair(pair)) return
        if (!isScalar(key) || typeof key.value !== 'string')
          this.problems.push(
            this.problemAt(
              'CONFIG_SYNTAX',
              key as Node,
              'A key must be text.',
              'Put it in quotes if it looks like a number.',
            ),
          )
        else if (FORBIDDEN_KEYS.has(key.value))
          this.problems.push(this.problemAt('CONFIG_UNKNOWN_KEY', key, `The key "${key.value}" is not allowed.`))
      },
    })
  }
}
