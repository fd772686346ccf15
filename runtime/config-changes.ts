import { isDeepStrictEqual } from 'node:util'
import { TailraceError } from './errors.ts'
import type { PipelineConfig, SinkConfig, SourceConfig } from './pipeline-config.ts'

/** What another configuration of a pipeline means for its parts. */
export interface ConfigChanges {
  readonly sources: PartChanges<SourceConfig>
  readonly sinks: PartChanges<SinkConfig>
}

export interface PartChanges<C> {
  readonly added: readonly C[]
  /** As they are to be. */
  readonly changed: readonly C[]
  readonly removed: readonly string[]
}

/** Throws CONFIG_RELOAD where something differs that only a start reads. */
export function configChanges(before: PipelineConfig, after: PipelineConfig): ConfigChanges {
  const fixed = (['pipeline', 'log', 'http'] as const).filter(block => !isDeepStrictEqual(before[block], after[block]))
  if (fixed.length > 0)
    throw new TailraceError('CONFIG_RELOAD', 'stop', `Only a start reads what has changed under ${fixed.join(', ')}.`, {
      hint: 'Nothing of the new configuration is in use. Stop the process and start it again.',
    })
  return { sources: partChanges(before.sources, after.sources), sinks: partChanges(before.sinks, after.sinks) }
}

function partChanges<C extends SourceConfig | SinkConfig>(before: readonly C[], after: readonly C[]): PartChanges<C> {
  const old = new Map(before.map(part => [part.name, part]))
  const names = new Set(after.map(({ name }) => name))
  return {
    added: after.filter(({ name }) => !old.has(name)),
    changed: after.filter(part => old.has(part.name) && !isDeepStrictEqual(old.get(part.name), part)),
    removed: [...old.keys()].filter(name => !names.has(name)),
  }
}
