import { logEnd } from '../../support/mysql/log-place.ts'
import type { MysqlServer } from '../../support/mysql/server.ts'

/**
 * The workload of workload.ts for MySQL and MariaDB: changes of a 12-column table (60 % inserts, 30 % updates, 10 %
 * deletes), a statement each, in transactions of 10 to 100, behind rows that were there before.
 */

export const BENCH_DATABASE = 'bench'
export const BENCH_ORDERS = 'bench_orders'

/** For a server that is measured: room in memory, and no disk that anything waits for. */
export const MYSQL_BENCH_OPTIONS = [
  '--innodb-buffer-pool-size=1G',
  '--innodb-flush-log-at-trx-commit=2',
  '--sync-binlog=0',
  '--max-binlog-size=1G',
]

const TABLE = `CREATE TABLE ${BENCH_ORDERS} (
  id bigint PRIMARY KEY, customer_id bigint NOT NULL, status varchar(20) NOT NULL, total decimal(12, 2) NOT NULL,
  currency char(3) NOT NULL, quantity int NOT NULL, created_at datetime(6) NOT NULL, updated_at datetime(6) NOT NULL,
  email varchar(100) NOT NULL, address varchar(200) NOT NULL, note text, attributes json NOT NULL
) CHARACTER SET utf8mb4`

/** Of the row `i`, an expression. */
const row = (i: string): string => `
  ${i}, ${i} % 50000, ELT(1 + ${i} % 4, 'placed', 'paid', 'shipped', 'returned'), ((${i} * 7919) % 10000000) / 100,
  'EUR', 1 + ${i} % 9, TIMESTAMPADD(MICROSECOND, ${i} * 1000001, '2024-01-01 00:00:00.000000'),
  TIMESTAMPADD(MICROSECOND, ${i} * 500001, '2025-01-01 00:00:00.000000'),
  CONCAT('customer', ${i} % 50000, '@example.org'), CONCAT(${i} % 997, ' Mill Lane, Upper Riverford, ', LEFT(SHA2(${i}, 256), 32)),
  IF(${i} % 5 = 0, NULL, 'ring twice, then leave it by the weir 0'),
  JSON_OBJECT('gift', ${i} % 2 = 0, 'weight', ${i} % 1000, 'ver', 0)`

const FILL = `CREATE PROCEDURE bench_fill(wanted bigint)
BEGIN
  DECLARE have bigint DEFAULT 1;
  INSERT INTO ${BENCH_ORDERS} SELECT ${row('1')};
  WHILE have < wanted DO
    INSERT INTO ${BENCH_ORDERS} SELECT ${row('x.i')}
      FROM (SELECT id + have AS i FROM ${BENCH_ORDERS} WHERE id <= wanted - have) x;
    SET have = LEAST(2 * have, wanted);
  END WHILE;
END`

const CHANGE = `CREATE PROCEDURE bench_changes(changes bigint, first bigint)
BEGIN
  DECLARE done bigint DEFAULT 0;
  DECLARE size, i, roll bigint;
  DECLARE next_id bigint DEFAULT first + 1;
  DECLARE victim, gone bigint DEFAULT 0;
  WHILE done < changes DO
    SET size = LEAST(10 + (done * 31) % 91, changes - done), i = 1;
    START TRANSACTION;
    WHILE i <= size DO
      SET roll = (done + i) % 10;
      IF roll < 6 THEN
        INSERT INTO ${BENCH_ORDERS} SELECT ${row('next_id')};
        SET next_id = next_id + 1;
      ELSEIF roll < 9 THEN
        SET victim = first DIV 2 + ((done + i) * 7919) % (first DIV 2);
        UPDATE ${BENCH_ORDERS} SET status = 'changed', total = total + 0.01, quantity = quantity + 1,
          updated_at = updated_at + INTERVAL 1 SECOND, note = CONCAT('changed ', done) WHERE id = victim;
      ELSE
        SET gone = gone + 1;
        DELETE FROM ${BENCH_ORDERS} WHERE id = gone;
      END IF;
      SET i = i + 1;
    END WHILE;
    COMMIT;
    SET done = done + size;
  END WHILE;
END`

/** Where in the server's binary log the changes stand. */
export interface MysqlWorkload {
  /** The first file; nothing else is in it and those behind it. */
  readonly file: string
  /** Everything before the changes: a set of GTIDs, or a state. */
  readonly before: string
  /** The last transaction. */
  readonly last: string
}

/** `preloaded` must be at least a fifth of `changes`, so that every delete finds its row. */
export async function makeMysqlWorkload(
  server: MysqlServer,
  changes: number,
  preloaded: number,
): Promise<MysqlWorkload> {
  await server.createDatabase(BENCH_DATABASE)
  const connection = await server.connect({ database: BENCH_DATABASE })
  try {
    await connection.query("SET SESSION time_zone = '+00:00'")
    for (const sql of [TABLE, FILL, CHANGE]) await connection.query(sql)
    // What was there before is not in the log.
    await connection.query('SET SESSION sql_log_bin = 0')
    await connection.query(`CALL bench_fill(${preloaded})`)
    await connection.query(`ANALYZE TABLE ${BENCH_ORDERS}`)
    await connection.query('SET SESSION sql_log_bin = 1')
    await connection.query('FLUSH BINARY LOGS')
    const { file } = await logEnd(server)
    const before = await gtids(server)
    await connection.query(`CALL bench_changes(${changes}, ${preloaded})`)
    const after = await gtids(server)
    return { file, before, last: server.flavor === 'mysql' ? after.replace(/:.*-/, ':') : after }
  } finally {
    await connection.end()
  }
}

async function gtids(server: MysqlServer): Promise<string> {
  const name = server.flavor === 'mysql' ? 'gtid_executed' : 'gtid_binlog_pos'
  const [row] = await server.query(`SELECT @@GLOBAL.${name} AS gtids`)
  return row!.gtids!.replaceAll(/\s/g, '')
}
