import { defineSource } from '../runtime/plugin.ts'
import { checkPostgres } from './postgres/check.ts'
import { postgresConfig } from './postgres/config.ts'
import { destroyPostgres } from './postgres/destroy.ts'
import { discoverPostgres } from './postgres/discover.ts'
import { PostgresSource } from './postgres/source.ts'

/** PostgreSQL 14 to 18: first load under the slot's snapshot, then the logical replication stream (pgoutput). */
export default defineSource({
  type: 'postgres',
  config: postgresConfig,
  open: async (config, context) => new PostgresSource(config, context),
  check: checkPostgres,
  discover: discoverPostgres,
  destroy: destroyPostgres,
})
