import type { Finding, Table } from '../contract.ts'
import { isTailraceError } from '../errors.ts'
import type { PipelineConfig, SinkConfig } from '../pipeline-config.ts'
import { differing, HELD_AS_IT_IS, ShapeMemory } from '../shape/memory.ts'
import { tableSpec } from '../shape/spec.ts'
import { tableShape } from '../shape/table-shape.ts'
import { filterOf, hasGenerations, readsOf } from '../sink-part/traits.ts'
import { newestTables } from '../tables.ts'
import type { InspectedLog } from './inspect.ts'

/** A sink whose `where`, `fields` or `schemaChanges` is not what it was filled by. */
export interface ReshapedSink {
  readonly sink: string
  /** Full names. */
  readonly tables: readonly string[]
  /** `beside` what it holds, then swapped; `in place`; or not at all: it keeps every change. */
  readonly built: 'beside' | 'in place' | 'from here on'
}

/** Whether the columns that a sink's `where` and `fields` name are there, as far as the logs know the tables. */
export function shapeFindings(sink: SinkConfig, logs: readonly InspectedLog[]): Finding[] {
  const { shape } = sink
  if ([shape.where, shape.fields, shape.transform].every(option => option === undefined)) return []
  const findings: Finding[] = []
  let shaped = 0
  for (const table of tablesOf(sink, logs))
    try {
      if (tableShape(tableSpec(shape, table, undefined), table, table, sink.transform) !== undefined) shaped++
    } catch (error) {
      if (!isTailraceError(error)) throw error
      findings.push({ level: 'error', code: error.code, message: error.message })
    }
  if (findings.length > 0) return findings
  const message =
    shaped === 0
      ? 'no table that where, fields or transform name is known yet: their columns are looked at once it is'
      : `where, fields and transform fit the columns of ${shaped} table${shaped === 1 ? '' : 's'}`
  return [{ level: 'ok', code: 'CONFIG_SHAPE', message }]
}

/** The sinks that a run will build anew. */
export async function reshapedSinks(config: PipelineConfig, logs: readonly InspectedLog[]): Promise<ReshapedSink[]> {
  const memory = await ShapeMemory.load(config.log.path)
  const found: ReshapedSink[] = []
  for (const sink of config.sinks) {
    const held = memory.get(sink.name) ?? ((await isRegistered(sink, logs)) ? HELD_AS_IT_IS : undefined)
    const tables = held === undefined ? [] : differing(held, sink.shape, tablesOf(sink, logs))
    if (tables.length === 0) continue
    const inPlace = hasGenerations(sink) ? 'beside' : 'in place'
    found.push({ sink: sink.name, tables, built: readsOf(sink) === 'history' ? 'from here on' : inPlace })
  }
  return found
}

export function reshapedText({ sink, tables, built }: ReshapedSink): string {
  const what = `what is declared of ${tables.join(', ')} has changed`
  switch (built) {
    case 'beside':
      return `sink ${sink}: ${what}: it is built anew beside what it holds, then swapped`
    case 'in place':
      return `sink ${sink}: ${what}: it is emptied and built anew`
    case 'from here on':
      return `sink ${sink}: ${what}: it keeps the changes that it has, and goes on by that`
  }
}

async function isRegistered({ name }: SinkConfig, logs: readonly InspectedLog[]): Promise<boolean> {
  for (const { log } of logs) if ((await log.readers.list()).some(reader => reader.name === name)) return true
  return false
}

function tablesOf(sink: SinkConfig, logs: readonly InspectedLog[]): Table[] {
  return logs.flatMap(({ log }) => [...newestTables(log).values()]).filter(filterOf(sink))
}
