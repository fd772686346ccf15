import { loadPlugin } from '../../runtime/plugin.ts'
import { ScriptedLog, tuple } from './scripted-log.ts'
import { apply } from './sink-driver.ts'
import { items, LOG_ID, never, sinkContext } from './sink-rig.ts'

/** Builds a generation without any pause of its own, telling its parent of each batch, until it is killed. */
const { type, options } = JSON.parse(process.argv[2]!) as { type: string; options: unknown }
const plugin = await loadPlugin('sink', type, process.cwd())
const target = await plugin.open(plugin.config.parse(options), sinkContext({ generation: 'next' }))
const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
const log = new ScriptedLog(LOG_ID)
await apply(
  sink,
  log.batch(writer => writer.announce(items)),
)
const batch = log.batch(writer => {
  for (let i = 0; i < 5000; i++) writer.row('u', items, tuple([`${(i * 131) % 10_007}`, 'x'.repeat(100), null]))
})
for (;;) {
  await apply(sink, batch)
  process.send?.('batch')
}
