import type { MysqlServer } from '../../support/mysql/server.ts'
import { compareWithRows } from './compare.ts'
import { BENCH_DATABASE, BENCH_ORDERS } from './mysql-workload.ts'

/** As compareWithTable, of the benchmark's table in MySQL or MariaDB. Throws if the log is not as the table. */
export async function compareWithMysql(server: MysqlServer, folder: string, changes: number): Promise<string> {
  const connection = await server.connect({ database: BENCH_DATABASE })
  try {
    return await compareWithRows(folder, changes, async (from, to) => {
      const [rows] = await connection.query(`SELECT * FROM ${BENCH_ORDERS} WHERE id > ${from} AND id <= ${to}`)
      return (rows as Record<string, string | null>[]).map(row => Object.values(row))
    })
  } finally {
    await connection.end()
  }
}
