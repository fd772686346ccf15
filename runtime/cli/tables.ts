import { createLogger } from '../logger.ts'
import { formatSize } from '../quantity.ts'
import { type KnownTable, knownTables } from '../tables.ts'
import { findProcess } from './client.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { inspectLogs } from './inspect.ts'
import { count, table } from './terminal.ts'

/** Lists the captured tables with key, rows, bytes and version. */
export async function tables(context: Context): Promise<number> {
  const { io, json } = context
  const known = await readTables(context)
  if (json) printJson(io, { tables: known })
  else if (known.length === 0) print(io, 'No table has been captured yet.')
  else
    print(
      io,
      table(
        io.out,
        ['TABLE', 'KEY', 'ROWS', 'SIZE', 'VERSION', 'COLUMNS'],
        known.map(({ table: name, key, rows, bytes, version, columns }) => [
          name,
          key.length === 0 ? '(append-only)' : key.join(', '),
          rows === null ? '-' : count(rows),
          bytes === null ? '-' : formatSize(bytes),
          String(version),
          String(columns.length),
        ]),
      ),
    )
  return EXIT.fine
}

async function readTables(context: Context): Promise<readonly KnownTable[]> {
  const { client, config } = await findProcess(context)
  if (client !== undefined)
    return ((await (await client.ask('/tables')).json()) as { tables: readonly KnownTable[] }).tables
  await using stack = new AsyncDisposableStack()
  const logs = await inspectLogs(config!, createLogger('warn'), stack)
  return logs.flatMap(({ log }) => knownTables(log))
}
