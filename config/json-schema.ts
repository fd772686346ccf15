import { z } from 'zod'
import { builtInPlugins, loadPlugin } from '../runtime/plugin.ts'
import { fileSchema, logShape, sinkShape } from './schema.ts'

/** JSON Schema of the configuration, for editors. */

type JsonSchema = z.core.JSONSchema.BaseSchema

/** The whole file with every built-in plugin. Other plugins (paths, packages) may have any options. */
export async function configSchema(): Promise<JsonSchema> {
  const file = toJsonSchema(fileSchema)
  const properties = { ...file.properties }
  properties.log = await pluginSchema('log', logShape, 'embedded')
  properties.sources = named(properties.sources, await pluginSchema('source', {}))
  properties.sinks = named(properties.sinks, await pluginSchema('sink', sinkShape))
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Tailrace configuration',
    ...file,
    properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, withVariables(value)])),
  }
}

/** The file's own text: what `tailrace config-schema` prints and config/tailrace.schema.json holds. */
export async function configSchemaText(): Promise<string> {
  return `${JSON.stringify(await configSchema(), undefined, 2)}\n`
}

async function pluginSchema(
  kind: 'source' | 'log' | 'sink',
  shape: z.ZodRawShape,
  usual?: string,
): Promise<JsonSchema> {
  const types = builtInPlugins(kind)
  const blocks: JsonSchema[] = []
  for (const type of types) {
    const plugin = await loadPlugin(kind, type, '.')
    const own = toJsonSchema(plugin.config)
    const shared = toJsonSchema(z.strictObject(shape))
    const ownOnly = own.required?.filter(key => !(key in shape)) ?? []
    const required = [...(type === usual ? [] : ['type']), ...ownOnly, ...(shared.required ?? [])]
    blocks.push({
      ...own,
      properties: { ...own.properties, ...shared.properties, type: { type: 'string', const: type } },
      required,
      additionalProperties: false,
    })
  }
  const other = { type: 'string', not: { enum: types } } as const
  blocks.push({ type: 'object', properties: { type: other }, required: ['type'] })
  return { anyOf: blocks }
}

function named(record: z.core.JSONSchema._JSONSchema | undefined, block: JsonSchema): JsonSchema {
  return { ...(typeof record === 'object' ? record : {}), additionalProperties: block }
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema, '~standard': _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return rest
}

/** Numbers, booleans and texts of a certain form may also come from a variable. */
function withVariables(schema: z.core.JSONSchema._JSONSchema): z.core.JSONSchema._JSONSchema {
  if (typeof schema !== 'object') return schema
  if (
    schema.type === 'number' ||
    schema.type === 'integer' ||
    schema.type === 'boolean' ||
    schema.pattern !== undefined
  )
    return { anyOf: [schema, { type: 'string', pattern: '\\$\\{' }] }
  const mapped: JsonSchema = { ...schema }
  if (schema.properties !== undefined)
    mapped.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([key, value]) => [key, withVariables(value)]),
    )
  if (typeof schema.additionalProperties === 'object')
    mapped.additionalProperties = withVariables(schema.additionalProperties)
  if (schema.anyOf !== undefined) mapped.anyOf = schema.anyOf.map(one => withVariables(one) as JsonSchema)
  if (schema.items !== undefined && !Array.isArray(schema.items)) mapped.items = withVariables(schema.items)
  return mapped
}
