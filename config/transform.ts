import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { errorCode, errorMessage } from '../runtime/errors.ts'
import { parseName } from '../runtime/select.ts'
import type { ShapeOptions } from '../runtime/shape/spec.ts'
import type { Transform } from '../runtime/transform.ts'
import type { Block } from './blocks.ts'
import type { ConfigDocument } from './document.ts'
import type { Problem } from './problem.ts'
import type { sinkShape } from './schema.ts'

/** A file of functions, loaded. */
export interface LoadedTransform {
  readonly transform: Transform
  readonly told: NonNullable<ShapeOptions['transform']>
}

/** Loads the file that a sink's `transform` names; a file whose text is another one is loaded anew. */
export async function loadTransform(
  document: ConfigDocument,
  folder: string,
  { path, shared }: Block<'sink', typeof sinkShape>,
  problems: Problem[],
): Promise<LoadedTransform | undefined> {
  if (shared.transform === undefined) return undefined
  const refuse = (message: string, hint?: string): undefined => {
    problems.push(document.problem('CONFIG_TRANSFORM', [...path, 'transform'], message, { hint }))
  }
  const file = resolve(folder, shared.transform)
  try {
    const digest = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
    const url = pathToFileURL(file)
    // Node keeps what it has loaded by its address.
    url.searchParams.set('digest', digest)
    const { default: transform } = (await import(url.href)) as { default?: Transform }
    const wrong = transform === undefined ? 'it exports nothing as default' : problemOf(transform)
    if (wrong !== undefined) return refuse(wrong, 'Export the result of defineTransform({...}) as default.')
    return { transform: transform!, told: { digest, tables: Object.keys(transform!).toSorted() } }
  } catch (error) {
    return refuse(
      errorCode(error) === 'ENOENT' ? 'there is no such file' : `it cannot be loaded: ${errorMessage(error)}`,
    )
  }
}

function problemOf(transform: Transform): string | undefined {
  if (typeof transform !== 'object') return 'what it exports is no object'
  for (const [table, made] of Object.entries(transform)) {
    try {
      parseName(table, ['source', 'schema', 'table'])
    } catch (error) {
      return errorMessage(error)
    }
    if (typeof made?.row !== 'function' || typeof made.columns !== 'object')
      return `${table} has not both \`columns\` and \`row\``
  }
  return undefined
}
