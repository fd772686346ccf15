import type { TextRow } from './connection.ts'
import type { Start } from './start.ts'
import { Charsets } from './values/charsets.ts'

/** What the text of the captured tables is in, asked of the server. */
export async function loadCharsets(
  { facts, captured }: Start,
  query: (sql: string) => Promise<TextRow[]>,
): Promise<Charsets> {
  const charsets = await Charsets.load(facts.flavor, query)
  const names = captured.flatMap(({ definition }) => definition.columns.map(({ charset }) => charset))
  await charsets.prepare(names.filter(name => name !== undefined))
  return charsets
}
