import { pino } from 'pino'
import { loadPlugin } from '../../runtime/plugin.ts'
import { follow } from './sink-driver.ts'
import { killScript, type ScriptedChild } from './sink-kill.ts'

/** Writes the kill script into a sink, telling its parent of every batch, until it is killed or done. */
const { type, options, length } = JSON.parse(process.argv[2]!) as ScriptedChild & { readonly options: unknown }
const plugin = await loadPlugin('sink', type, process.cwd())
const parsed = plugin.config.parse(options)
const reads = typeof plugin.reads === 'function' ? plugin.reads(parsed) : plugin.reads
const target = await plugin.open(parsed, {
  pipeline: 'shop',
  name: 'copy',
  logger: pino({ level: 'silent' }),
  sources: ['app'],
  onDelete: 'delete',
})
const sink = await target.sink({ name: 'app', logId: '5c21' }, new AbortController().signal)
await follow(sink, killScript(length).batches, () => process.send?.('batch'), reads)
await target[Symbol.asyncDispose]()
process.disconnect?.()
