import type { TableFilter } from '../contract.ts'
import type { SinkConfig } from '../pipeline-config.ts'
import { tableFilter } from '../select.ts'

/** What a sink is by its configuration. */

export function readsOf({ plugin, options }: SinkConfig): 'state' | 'history' {
  return typeof plugin.reads === 'function' ? plugin.reads(options) : (plugin.reads ?? 'state')
}

/** It can be built beside what it holds. */
export function hasGenerations({ plugin, options }: SinkConfig): boolean {
  return plugin.generations !== undefined && plugin.generations.refusal?.(options) === undefined
}

/** Tables that it takes. */
export function filterOf({ tables }: SinkConfig): TableFilter {
  return tableFilter(tables)
}
