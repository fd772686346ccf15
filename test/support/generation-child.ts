import { loadPlugin } from '../../runtime/plugin.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import type { Step } from './generation-rig.ts'
import { items, never, sinkContext } from './sink-rig.ts'

/** Takes one step with a sink that nobody has open, unless it is killed at a crash point. */
const { type, options, step } = JSON.parse(process.argv[2]!) as { type: string; options: unknown; step: Step }
const plugin = await loadPlugin('sink', type, process.cwd())
const parsed = plugin.config.parse(options)
if (step === 'purge')
  await plugin.purge!(
    parsed,
    sinkContext(),
    { tables: [items], rows: [{ table: items, key: keyFromTexts(['2']) }] },
    never,
  )
else await plugin.generations![step](parsed, sinkContext({ sources: ['app'] }), never)
process.disconnect?.()
