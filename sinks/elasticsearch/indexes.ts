import { TailraceError } from '../../runtime/errors.ts'
import type { Client } from './client.ts'
import type { Mapping } from './mapping.ts'
import { writeAlias } from './names.ts'

/** What is asked of the cluster's indexes. */

/** Names in one request: they stand in its path. */
const NAMES = 20
const MISSING = 404

/** Deletes are remembered so long, that a late older write of the same document may be refused. */
const GC_DELETES = '5m'
/** Fields beside those of the columns: each may have two more below it. */
const FIELDS_PER_COLUMN = 4
const LEAST_FIELDS = 1000

export interface IndexBody {
  readonly settings: Readonly<Record<string, unknown>>
  readonly properties: Readonly<Record<string, Mapping>>
  /** For readers; undefined: none yet. */
  readonly alias: string | undefined
}

type Action = Readonly<Record<'add' | 'remove', { readonly index: string; readonly alias: string }>>

/** Throws NAME_COLLISION, SINK_SCHEMA. */
export async function createIndex(client: Client, index: string, body: IndexBody, signal: AbortSignal): Promise<void> {
  const { settings, properties, alias } = body
  const count = Object.keys(properties).length
  const answer = await client.ask('PUT', at(index), signal, {
    body: {
      settings: {
        index: {
          hidden: true,
          gc_deletes: GC_DELETES,
          // An answer means that it is on disk.
          translog: { durability: 'request' },
          mapping: { total_fields: { limit: Math.max(LEAST_FIELDS, FIELDS_PER_COLUMN * count) } },
        },
        ...settings,
      },
      mappings: { dynamic: false, properties },
      aliases: { [writeAlias(index)]: { is_hidden: true }, ...(alias === undefined ? {} : { [alias]: {} }) },
    },
    accept: [400],
  })
  if (answer.status !== 400) return
  const { error } = answer.body as { readonly error: { readonly type: string; readonly reason: string } }
  if (error.type === 'resource_already_exists_exception') return
  if (error.type.startsWith('invalid_alias_name') || /alias .* exists|same name/.test(error.reason))
    throw taken(alias ?? index)
  throw new TailraceError('SINK_SCHEMA', 'stop', `The index ${index} cannot be made: ${error.type}: ${error.reason}.`, {
    hint: 'See `mappings` and `settings` of the sink, then resume it.',
  })
}

export async function removeIndexes(client: Client, indexes: readonly string[], signal: AbortSignal): Promise<void> {
  for (const names of groups(indexes))
    await client.ask('DELETE', `${at(...names)}?ignore_unavailable=true`, signal, { accept: [MISSING] })
}

/** What marks each as the one that was made, by name; those that are not there are left out. */
export async function identities(
  client: Client,
  indexes: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const names of groups(indexes)) {
    const path = `${at(...names)}/_settings/index.uuid?ignore_unavailable=true&expand_wildcards=all`
    const { body, status } = await client.ask('GET', path, signal, { accept: [MISSING] })
    if (status === MISSING) continue
    const settings = body as Record<string, { readonly settings: { readonly index: { readonly uuid: string } } }>
    for (const [name, of] of Object.entries(settings)) found.set(name, of.settings.index.uuid)
  }
  return found
}

/** The indexes behind an alias of readers. */
export async function indexesOf(client: Client, alias: string, signal: AbortSignal): Promise<string[]> {
  const { body, status } = await client.ask('GET', `/_alias/${encodeURIComponent(alias)}`, signal, {
    accept: [MISSING],
  })
  return status === MISSING ? [] : Object.keys(body as object)
}

/** Readers find all that is in it when it resolves. */
export async function refreshIndex(client: Client, index: string, signal: AbortSignal): Promise<void> {
  await client.ask('POST', `${at(index)}/_refresh`, signal)
}

/** Points aliases elsewhere, all at once: readers see what was there, or what is there now. */
export async function moveAliases(
  client: Client,
  moves: readonly { readonly alias: string; readonly to: string | undefined }[],
  signal: AbortSignal,
): Promise<void> {
  const actions: Partial<Action>[] = []
  for (const { alias, to } of moves) {
    const from = await indexesOf(client, alias, signal)
    if (to !== undefined) actions.push({ add: { index: to, alias } })
    for (const index of from) if (index !== to) actions.push({ remove: { index, alias } })
  }
  if (actions.length > 0) await client.ask('POST', '/_aliases', signal, { body: { actions } })
}

/** The mappings of its fields. */
export async function propertiesOf(
  client: Client,
  index: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, Mapping>>> {
  const { body } = await client.ask('GET', `${at(index)}/_mapping`, signal)
  const [found] = Object.values(body as Record<string, { readonly mappings: { readonly properties?: object } }>)
  return (found?.mappings.properties ?? {}) as Readonly<Record<string, Mapping>>
}

/** Adds the fields that it lacks, and answers those that it has otherwise: they stay as they are. */
export async function addFields(
  client: Client,
  index: string,
  properties: Readonly<Record<string, Mapping>>,
  signal: AbortSignal,
): Promise<string[]> {
  const known = new Map(Object.entries(await propertiesOf(client, index, signal)))
  const missing = Object.entries(properties).filter(([name]) => !known.has(name))
  if (missing.length > 0)
    await client.ask('PUT', `${at(index)}/_mapping`, signal, { body: { properties: Object.fromEntries(missing) } })
  return Object.entries(properties).flatMap(([name, { type }]) => {
    const there = known.get(name)
    return there === undefined || (there.type ?? 'object') === (type ?? 'object') ? [] : [name]
  })
}

export function lostIndex(name: string): TailraceError {
  return new TailraceError('SINK_RESTORED', 'retry', `The index ${name} was removed.`, {
    hint: 'Nothing: the sink is built anew.',
  })
}

export function taken(name: string): TailraceError {
  return new TailraceError('NAME_COLLISION', 'stop', `"${name}" is there already, and not of this sink.`, {
    hint: 'Set `name` of the sink to a template with names of their own, or remove what has the name.',
  })
}

function at(...indexes: readonly string[]): string {
  return `/${indexes.map(encodeURIComponent).join(',')}`
}

function* groups(names: readonly string[]): Generator<readonly string[]> {
  for (let i = 0; i < names.length; i += NAMES) yield names.slice(i, i + NAMES)
}
