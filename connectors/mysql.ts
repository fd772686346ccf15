import { defineSource } from '../runtime/plugin.ts'
import { checkMysql } from './mysql/check.ts'
import { mysqlConfig } from './mysql/config.ts'
import { discoverMysql } from './mysql/discover.ts'
import { shownPosition } from './mysql/position.ts'
import { MysqlSource } from './mysql/source.ts'

/** MySQL 8.0 and later, MariaDB 10.11 and later: what the tables hold, then the binary log (row events). */
export default defineSource({
  type: 'mysql',
  config: mysqlConfig,
  open: async (config, context) => new MysqlSource(config, context),
  shown: shownPosition,
  check: checkMysql,
  discover: discoverMysql,
  destroy: async () => ['nothing is kept for it at the server: its user can be dropped'],
})
