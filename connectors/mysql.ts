import { defineSource } from '../runtime/plugin.ts'
import { mysqlConfig } from './mysql/config.ts'
import { MysqlSource } from './mysql/source.ts'

/** MySQL 8.0 and later, MariaDB 10.11 and later: what the tables hold, then the binary log (row events). */
export default defineSource({
  type: 'mysql',
  config: mysqlConfig,
  open: async (config, context) => new MysqlSource(config, context),
  destroy: async () => [],
})
