import { formatSize } from '../quantity.ts'
import type { ForgetReceipt } from '../status.ts'
import { needProcess } from './client.ts'
import { type Context, confirm, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { count } from './terminal.ts'

export interface ForgetOptions {
  readonly table: string
  readonly key: readonly string[]
  readonly yes?: boolean
}

/**
 * Removes rows that the source has deleted from the log and from the files of all sinks, now, and prints a receipt. Throws
 * NOT_RUNNING, NOT_CONFIRMED, UNKNOWN_TABLE, FORGET_KEY, FORGET_LIVE, FORGET_UNREAD, PART_NOT_RUNNING, REBUILD_BUSY.
 */
export async function forget(context: Context, { table, key: keys, yes = false }: ForgetOptions): Promise<number> {
  const client = await needProcess(context)
  const what = keys.length === 1 ? `the row ${keys[0]}` : `${count(keys.length)} rows`
  await confirm(context, `Remove ${what} of ${table} from the log and all sinks, for good?`, yes)
  const response = await client.ask(`/tables/${encodeURIComponent(table)}/forget`, {
    method: 'POST',
    body: JSON.stringify({ keys }),
    signal: context.signal,
  })
  const receipt = (await response.json()) as ForgetReceipt
  if (context.json) printJson(context.io, receipt)
  else print(context.io, receiptText(receipt))
  return EXIT.fine
}

function receiptText({ table, keys, at, log, sinks }: ForgetReceipt): string {
  const records = log.removed.reduce((sum, one) => sum + one, 0)
  const removed = records === 0 ? 'nothing of them was there' : `${count(records)} changes removed`
  const rewritten = log.segments === 0 ? '' : `, ${count(log.segments)} segments written anew`
  const size = log.segments === 0 ? '' : ` (${formatSize(log.bytesBefore)} to ${formatSize(log.bytesAfter)})`
  const lines = [`${table}  ${keys.join(', ')}`, `forgotten at ${at}`, `log  ${removed}${rewritten}${size}`]
  for (const [name, did] of Object.entries(sinks))
    lines.push(`sink ${name}  ${did.length === 0 ? 'keeps no files of its own' : did.join(', ')}`)
  return lines.join('\n')
}
