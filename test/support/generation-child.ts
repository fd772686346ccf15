import { pino } from 'pino'
import { loadPlugin } from '../../runtime/plugin.ts'
import type { Step } from './generation-rig.ts'

/** Takes one step with the generations of a sink, unless it is killed at a crash point. */
const { type, options, step } = JSON.parse(process.argv[2]!) as { type: string; options: unknown; step: Step }
const plugin = await loadPlugin('sink', type, process.cwd())
const context = {
  pipeline: 'shop',
  name: 'copy',
  logger: pino({ level: 'silent' }),
  sources: ['app'],
  onDelete: 'delete' as const,
}
await plugin.generations![step](plugin.config.parse(options), context, new AbortController().signal)
process.disconnect?.()
