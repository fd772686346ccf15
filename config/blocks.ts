import { resolve } from 'node:path'
import { z } from 'zod'
import type { LogPlugin, SinkPlugin, SourcePlugin } from '../runtime/contract.ts'
import { isTailraceError } from '../runtime/errors.ts'
import { builtInPlugins, loadPlugin } from '../runtime/plugin.ts'
import { didYouMean } from '../runtime/suggest.ts'
import type { ConfigDocument } from './document.ts'
import { objectKeys, problemsOf } from './issues.ts'
import type { Problem } from './problem.ts'

export interface PluginKinds {
  readonly source: SourcePlugin
  readonly log: LogPlugin
  readonly sink: SinkPlugin
}

/** A plugin's block of the file, checked. */
export interface Block<K extends keyof PluginKinds, S extends z.ZodRawShape> {
  readonly name: string
  /** Where it stands in the file. */
  readonly path: readonly string[]
  readonly plugin: PluginKinds[K]
  /** What the plugin's schema made of its own options. */
  readonly options: unknown
  /** The options as written, paths made absolute. */
  readonly written: Readonly<Record<string, unknown>>
  /** Options that every plugin of the kind takes. */
  readonly shared: z.output<z.ZodObject<S>>
}

/** Where relative paths start: those of plugins and files that are read, and those that are written. */
interface Folders {
  readonly folder: string
  readonly dataFolder: string
}

/** Checks blocks, each by the schema of the plugin that its `type` names, and gathers what is wrong. */
export class Blocks {
  readonly problems: Problem[] = []
  readonly #document: ConfigDocument
  readonly #expanded: ReadonlySet<object>
  readonly #folders: Folders

  /** `expanded`: scalars that came from a variable, which are text whatever the schema wants. */
  constructor(document: ConfigDocument, expanded: ReadonlySet<object>, folders: Folders) {
    this.#document = document
    this.#expanded = expanded
    this.#folders = folders
  }

  async all<K extends keyof PluginKinds, S extends z.ZodRawShape>(
    kind: K,
    key: string,
    written: unknown,
    shape: S,
  ): Promise<Block<K, S>[]> {
    const blocks: Block<K, S>[] = []
    for (const [name, block] of isRecord(written) ? Object.entries(written) : []) {
      if (!isRecord(block)) continue
      const found = await this.one(kind, [key, name], block, shape)
      if (found !== undefined) blocks.push(found)
    }
    return blocks
  }

  async one<K extends keyof PluginKinds, S extends z.ZodRawShape>(
    kind: K,
    path: readonly string[],
    block: Record<string, unknown>,
    shape: S,
  ): Promise<Block<K, S> | undefined> {
    // A block without a usable type has been reported by the schema of the file.
    if (typeof block.type !== 'string' || block.type === '') return undefined
    const plugin = await this.#plugin(kind, path, block.type)
    if (plugin === undefined) return undefined
    const schema = strict(plugin.config)
    const own = objectKeys(schema)
    const written = this.#absolute(block)
    const shared: Record<string, unknown> = {}
    const options: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(written)) {
      if (key in shape) shared[key] = value
      if (own.includes(key) || (key !== 'type' && !(key in shape))) options[key] = value
    }
    const sharedSchema = z.object(shape)
    const sharedValue = this.#check(sharedSchema, shared, path, [])
    const optionsValue = this.#check(schema, options, path, Object.keys(shape))
    if (sharedValue === undefined || optionsValue === undefined) return undefined
    const resolved = this.#absolute(sharedValue.value as Record<string, unknown>)
    return {
      name: path.at(-1)!,
      path,
      plugin,
      options: optionsValue.value,
      written,
      shared: resolved as z.output<z.ZodObject<S>>,
    }
  }

  async #plugin<K extends keyof PluginKinds>(
    kind: K,
    path: readonly string[],
    type: string,
  ): Promise<PluginKinds[K] | undefined> {
    try {
      return (await loadPlugin(kind, type, this.#folders.folder)) as unknown as PluginKinds[K]
    } catch (error) {
      if (!isTailraceError(error)) throw error
      const hint = didYouMean(type, builtInPlugins(kind)) ?? error.hint
      this.problems.push(this.#document.problem(error.code, [...path, 'type'], error.message, { hint }))
      return undefined
    }
  }

  #check(
    schema: z.ZodType,
    value: Record<string, unknown>,
    path: readonly string[],
    extraKeys: readonly string[],
  ): { value: unknown } | undefined {
    let result = schema.safeParse(value, { reportInput: true })
    if (!result.success && this.#convertExpanded(result.error.issues, value, path))
      result = schema.safeParse(value, { reportInput: true })
    if (result.success) return { value: result.data }
    this.problems.push(...problemsOf(result.error.issues, schema, this.#document, path, extraKeys))
    return undefined
  }

  /** Makes numbers and booleans of unquoted `${NAME}` values where the schema wants them. */
  #convertExpanded(
    issues: readonly z.core.$ZodIssue[],
    value: Record<string, unknown>,
    path: readonly string[],
  ): boolean {
    let converted = false
    for (const issue of issues) {
      if (issue.code !== 'invalid_type' || typeof issue.input !== 'string') continue
      const scalar = this.#document.scalarAt([...path, ...issue.path])
      if (scalar === undefined || scalar.type !== 'PLAIN' || !this.#expanded.has(scalar)) continue
      const wanted = convert(issue.input, issue.expected)
      if (wanted === undefined) continue
      put(value, issue.path, wanted)
      converted = true
    }
    return converted
  }

  /** Options named `path`, and those whose name ends in `File` or `To`, are paths. */
  #absolute(block: Record<string, unknown>): Record<string, unknown> {
    const { folder, dataFolder } = this.#folders
    return Object.fromEntries(
      Object.entries(block).map(([key, value]) => {
        if (typeof value !== 'string') return [key, value]
        if (key === 'path' || key.endsWith('To')) return [key, resolve(dataFolder, value)]
        return [key, key.endsWith('File') ? resolve(folder, value) : value]
      }),
    )
  }
}

function strict(schema: z.ZodType): z.ZodType {
  const { def } = schema as z.ZodObject
  return def.type === 'object' && def.catchall === undefined ? (schema as z.ZodObject).strict() : schema
}

function convert(text: string, expected: string): number | boolean | undefined {
  if (expected === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  if ((expected === 'number' || expected === 'int') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  return undefined
}

function put(into: Record<string, unknown>, path: readonly PropertyKey[], value: unknown): void {
  let here: unknown = into
  for (const part of path.slice(0, -1)) {
    if (typeof here !== 'object' || here === null) return
    here = Reflect.get(here, part)
  }
  if (typeof here === 'object' && here !== null) Reflect.set(here, path.at(-1)!, value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
