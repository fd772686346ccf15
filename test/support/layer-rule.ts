/**
 * Imports point one way:
 *
 *   front     runtime/cli, http, demo and testing            may import engine, config, base
 *   config    config                                         may import base
 *   engine    the names in ENGINE below, of runtime/         may import base
 *   plugin    connectors, runtime/log, sinks                 may import base
 *   base      the rest of runtime/*.ts, runtime/record and shape   imports nothing else
 *
 * A file directly in connectors, runtime/log or sinks is a plugin, loaded by its name: nobody imports it. A folder
 * beside it with its name is its own; folders with other names there serve all plugins of the kind.
 */
import { posix } from 'node:path'

type Layer = 'front' | 'config' | 'engine' | 'base' | PluginFolder
type PluginFolder = (typeof PLUGIN_FOLDERS)[number]

const PLUGIN_FOLDERS = ['connectors', 'runtime/log', 'sinks'] as const
const FRONT = ['cli', 'http', 'demo', 'testing']
const ENGINE = [
  'pipeline',
  'pipeline-status',
  'quarantine',
  'source-part',
  'sink-part',
  'ingest',
  'cleanse',
  'complete',
  'deliver',
  'forget',
  'rebuild',
  'remembered',
  'replay',
  'supervisor',
  'verify',
  'worker',
]

const BELOW: Readonly<Record<Layer, readonly Layer[]>> = {
  front: ['front', 'engine', 'config', 'base'],
  config: ['config', 'base'],
  engine: ['engine', 'base'],
  connectors: ['connectors', 'base'],
  'runtime/log': ['runtime/log', 'base'],
  sinks: ['sinks', 'base'],
  base: ['base'],
}

/** By file: what it imports, relative names only. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>

/** Every breach as a sentence; none is the empty list. */
export function layerBreaches(graph: ImportGraph): string[] {
  const breaches: string[] = []
  const plugins = new Set([...graph.keys()].filter(isPlugin))
  for (const [file, names] of graph) {
    const layer = layerOf(file)
    if (layer === undefined) {
      breaches.push(`${file} lies in no layer`)
      continue
    }
    for (const target of targets(file, names)) {
      const below = layerOf(target)
      if (!graph.has(target)) breaches.push(`${file} imports ${target}, which is not there`)
      else if (isPlugin(target)) breaches.push(`${file} imports the plugin ${target}: plugins are loaded by name`)
      else if (below === undefined || !BELOW[layer].includes(below))
        breaches.push(`${file} (${layer}) imports ${target} (${below ?? 'in no layer'})`)
      else if (isForeignFolder(file, target, plugins))
        breaches.push(`${file} imports ${target}, which belongs to another plugin`)
    }
  }
  return [...breaches, ...cycles(graph)]
}

function layerOf(file: string): Layer | undefined {
  const plugin = PLUGIN_FOLDERS.find(folder => file.startsWith(`${folder}/`))
  if (plugin !== undefined) return plugin
  const [top, next = '', ...rest] = file.split('/')
  if (top === 'config') return 'config'
  if (top !== 'runtime') return undefined
  const name = next.replace(/\.ts$/, '')
  if (ENGINE.includes(name)) return 'engine'
  if (FRONT.includes(name)) return 'front'
  return rest.length === 0 || name === 'record' || name === 'shape' ? 'base' : undefined
}

function isPlugin(file: string): boolean {
  return (PLUGIN_FOLDERS as readonly string[]).includes(posix.dirname(file))
}

/** `sinks/redis/wire.ts` is for `sinks/redis.ts` and its own folder alone, if there is such a plugin. */
function isForeignFolder(file: string, target: string, plugins: ReadonlySet<string>): boolean {
  const owner = [...plugins].find(plugin => target.startsWith(plugin.replace(/\.ts$/, '/')))
  return owner !== undefined && file !== owner && !file.startsWith(owner.replace(/\.ts$/, '/'))
}

function targets(file: string, names: readonly string[]): string[] {
  return names.flatMap(name => {
    if (!name.startsWith('.')) return []
    const target = posix.join(posix.dirname(file), name)
    return target.endsWith('.ts') ? [target] : []
  })
}

/** Each cycle once, from where it is first met. Types count: files that need each other's are one file. */
function cycles(graph: ImportGraph): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    const at = path.indexOf(file)
    if (at !== -1) found.push(`import cycle: ${[...path.slice(at), file].join(' -> ')}`)
    if (at !== -1 || done.has(file)) return
    path.push(file)
    for (const target of targets(file, graph.get(file) ?? [])) visit(target)
    path.pop()
    done.add(file)
  }
  for (const file of graph.keys()) visit(file)
  return found
}
