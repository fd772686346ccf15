/** What a ClickHouse table holds of the table of all types (../types/entries.ts), as the server's own SQL reads it. */

import { context, fill } from '../types/fill-sink.ts'
import type { Forms, TypedLog } from '../types/sink-forms.ts'
import { ClickhousePlace } from './clickhouse-place.ts'
import type { ClickhouseServer } from './clickhouse-server.ts'

const TABLE = 'app_public.t_types'

interface Row {
  readonly type: string
  /** In hex: text may be anything. */
  readonly text: string | null
}

/** `toTypeName` and the text, which of strings is what they hold. */
export async function clickhouseForms(server: ClickhouseServer, log: TypedLog): Promise<Forms> {
  await using place = await ClickhousePlace.make(server, { asText: [] })
  const filled = await fill(await place.open(context), log)
  const forms = []
  for (const { row, column } of log.places) {
    const [found] = await server.rows<Row>(
      `SELECT toTypeName(c${column}) AS type, hex(toString(c${column})) AS text FROM ${TABLE} FINAL WHERE id = ${row}`,
    )
    // Where a later version of a row was refused, an earlier one without the value may be there.
    const isHeld = found !== undefined && found.text !== null
    const type = found?.type.replace(/^Nullable\((.*)\)$/, '$1') ?? ''
    forms.push(isHeld ? { type, text: Buffer.from(found.text!, 'hex').toString() } : undefined)
  }
  return { ...filled, forms }
}
