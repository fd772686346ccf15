import { defineSource } from '../runtime/plugin.ts'
import { generateConfig } from './generate/config.ts'
import { GenerateSource } from './generate/source.ts'

/** A deterministic synthetic source: the same seed gives the same changes, from any position on. */
export default defineSource({
  type: 'generate',
  config: generateConfig,
  open: async (config, context) => new GenerateSource(config, context),
  destroy: async () => [],
})
