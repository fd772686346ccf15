import type { z } from 'zod'
import { didYouMean } from '../runtime/suggest.ts'
import type { ConfigDocument } from './document.ts'
import type { Problem } from './problem.ts'

type Schema = z.core.$ZodType
type Issue = z.core.$ZodIssue

/**
 * A schema's complaints as problems of the document. `path` is where the checked value stands; `extraKeys` are known
 * there beside those of the schema. Values are never repeated: they may be secrets.
 */
export function problemsOf(
  issues: readonly Issue[],
  schema: Schema,
  document: ConfigDocument,
  path: readonly PropertyKey[],
  extraKeys: readonly string[] = [],
): Problem[] {
  return issues.flatMap(issue => {
    const at = [...path, ...issue.path]
    switch (issue.code) {
      case 'unrecognized_keys': {
        const known = [...keysAt(schema, issue.path), ...(issue.path.length === 0 ? extraKeys : [])]
        return issue.keys.map(key => {
          const hint = didYouMean(key, known) ?? (known.length === 0 ? undefined : `Known here: ${known.join(', ')}.`)
          return document.problem('CONFIG_UNKNOWN_KEY', [...at, key], 'unknown key', { hint, at: 'key' })
        })
      }
      case 'invalid_key':
        return [document.problem('CONFIG_INVALID', at, issue.issues[0]?.message ?? issue.message, { at: 'key' })]
      case 'invalid_union': {
        const branch = nearestBranch(issue.errors)
        if (branch === undefined) return [document.problem('CONFIG_INVALID', at, 'is of the wrong kind')]
        return problemsOf(branch, schemaAt(schema, issue.path) ?? schema, document, at)
      }
      case 'invalid_value': {
        const values = issue.values.map(String)
        const hint = typeof issue.input === 'string' ? didYouMean(issue.input, values) : undefined
        return [document.problem('CONFIG_INVALID', at, `must be ${values.join(' or ')}`, { hint })]
      }
      case 'invalid_type':
        return [typeProblem(issue, document, at)]
      default:
        return [document.problem('CONFIG_INVALID', at, issue.message)]
    }
  })
}

function typeProblem(issue: z.core.$ZodIssueInvalidType, document: ConfigDocument, at: PropertyKey[]): Problem {
  if (issue.input === undefined) return document.problem('CONFIG_INVALID', at, 'is missing')
  if (issue.input === null) return document.problem('CONFIG_INVALID', at, 'is empty')
  if (!issue.message.startsWith('Invalid input')) return document.problem('CONFIG_INVALID', at, issue.message)
  const scalar = typeof issue.input !== 'object'
  const hint = issue.expected === 'string' && scalar ? 'Put it in quotes.' : undefined
  return document.problem('CONFIG_INVALID', at, `must be ${kindName(issue.expected)}`, { hint })
}

function kindName(expected: string): string {
  switch (expected) {
    case 'string':
      return 'text'
    case 'int':
      return 'a whole number'
    case 'number':
      return 'a number'
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    case 'object':
    case 'record':
      return 'a block of keys'
    default:
      return expected
  }
}

/** The branch of a union that the value was meant for: one that did not refuse it as a whole. */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find(issues =>
    issues.every(issue => issue.path.length > 0 || (issue.code !== 'invalid_type' && issue.code !== 'invalid_value')),
  )
}

function keysAt(schema: Schema, path: readonly PropertyKey[]): string[] {
  const found = schemaAt(schema, path)
  return found === undefined ? [] : objectKeys(found)
}

export function objectKeys(schema: Schema): string[] {
  const { def } = unwrap(schema)
  if (def.type === 'object') return Object.keys(def.shape)
  if (def.type === 'union') return def.options.flatMap(objectKeys)
  return []
}

function schemaAt(schema: Schema, path: readonly PropertyKey[]): Schema | undefined {
  let here: Schema | undefined = schema
  for (const [i, part] of path.entries()) {
    if (here === undefined) return undefined
    const { def } = unwrap(here)
    if (def.type === 'union')
      return def.options.map(option => schemaAt(option, path.slice(i))).find(found => found !== undefined)
    if (def.type === 'object') here = def.shape[String(part)]
    else if (def.type === 'record') here = def.valueType
    else if (def.type === 'array') here = def.element
    else return undefined
  }
  return here
}

/** What stands inside optional, default and transformed schemas. */
function unwrap(schema: Schema): { def: z.core.$ZodTypes['_zod']['def'] } {
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
      return unwrap(def.innerType)
    case 'pipe':
      return unwrap(def.in)
    default:
      return { def }
  }
}
