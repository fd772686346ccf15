import { existsSync, readdirSync } from 'node:fs'
import { extname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { LogPlugin, Sink, SinkContext, SinkPlugin, SourcePlugin, Target } from './contract.ts'
import { errorMessage, TailraceError } from './errors.ts'

export type Plugin = SourcePlugin | LogPlugin | SinkPlugin

export function defineSource<C>(plugin: Omit<SourcePlugin<C>, 'kind'>): SourcePlugin<C> {
  return { ...plugin, kind: 'source' }
}

export function defineLog<C>(plugin: Omit<LogPlugin<C>, 'kind'>): LogPlugin<C> {
  return { ...plugin, kind: 'log' }
}

type OneSink<C> = (
  config: C,
  context: SinkContext,
  source: { readonly name: string; readonly logId: string },
  signal: AbortSignal,
) => Promise<Sink>

/** A sink plugin gives `open` for a Target of its own, or just `sink` if its sinks share nothing. */
export function defineSink<C>(
  plugin: Omit<SinkPlugin<C>, 'kind' | 'open'> & (Pick<SinkPlugin<C>, 'open'> | { readonly sink: OneSink<C> }),
): SinkPlugin<C> {
  if ('open' in plugin) return { ...plugin, kind: 'sink' }
  const { sink, ...rest } = plugin
  return { ...rest, kind: 'sink', open: async (config, context) => plainTarget(config, context, sink) }
}

function plainTarget<C>(config: C, context: SinkContext, open: OneSink<C>): Target {
  const sinks: Sink[] = []
  return {
    async sink(source, signal) {
      const sink = await open(config, context, source, signal)
      sinks.push(sink)
      return sink
    },
    async [Symbol.asyncDispose]() {
      for (const sink of sinks) await sink[Symbol.asyncDispose]()
    },
  }
}

const FOLDERS = { source: '../connectors', log: './log', sink: '../sinks' } as const
type PluginKind = keyof typeof FOLDERS
type PluginOf<K extends PluginKind> = Extract<Plugin, { kind: K }>

/** The extension this code runs with: `.ts` from a checkout, `.js` from the package. */
const EXTENSION = extname(fileURLToPath(import.meta.url))

/** Names of the plugins that come with Tailrace. */
export function builtInPlugins(kind: PluginKind): string[] {
  const folder = fileURLToPath(new URL(FOLDERS[kind], import.meta.url))
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isFile() && extname(entry.name) === EXTENSION && !entry.name.endsWith('.d.ts'))
    .map(entry => entry.name.slice(0, -EXTENSION.length))
    .sort()
}

/**
 * Loads a plugin by its `type`: the name of a file beside the built-in ones, a path (relative to `folder`, that of the
 * config), or a package. Only what a config names is ever imported. Throws CONFIG_PLUGIN.
 */
export async function loadPlugin<K extends PluginKind>(kind: K, type: string, folder: string): Promise<PluginOf<K>> {
  const specifier = locate(kind, type, folder)
  let module: { default?: Plugin }
  try {
    module = await import(specifier)
  } catch (cause) {
    throw new TailraceError(
      'CONFIG_PLUGIN',
      'stop',
      `The ${kind} type "${type}" cannot be loaded: ${errorMessage(cause)}`,
      {
        cause,
        hint: `Built in are ${builtInPlugins(kind).join(', ')}. Others are named by a path (./my-${kind}.ts) or a package.`,
      },
    )
  }
  const plugin = module.default
  if (plugin?.kind !== kind)
    throw new TailraceError('CONFIG_PLUGIN', 'stop', `"${type}" does not default-export a ${kind} plugin.`, {
      hint: `Export the result of define${kind[0]!.toUpperCase()}${kind.slice(1)}({...}) as default.`,
    })
  return plugin as PluginOf<K>
}

function locate(kind: PluginKind, type: string, folder: string): string {
  if (/^\.{0,2}\//.test(type) || isAbsolute(type)) return pathToFileURL(resolve(folder, type)).href
  if (/^[a-z][a-z0-9_]*$/.test(type)) {
    const file = new URL(`${FOLDERS[kind]}/${type}${EXTENSION}`, import.meta.url)
    if (existsSync(file)) return file.href
  }
  return type
}
