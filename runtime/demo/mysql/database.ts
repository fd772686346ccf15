import mysql from 'mysql2/promise'
import type { DemoClient, DemoDatabase } from '../database.ts'
import { act } from './acts.ts'
import { startLocalMysql } from './server.ts'
import { fillShop } from './shop.ts'
import { readSource } from './source-rows.ts'

/** A MySQL or MariaDB whose server is installed on this machine. */
export const mysqlDemo: DemoDatabase = {
  name: 'MySQL',
  type: 'mysql',
  startServer: startLocalMysql,
  connect,
  async version(client) {
    const { rows } = await client.query('select version() version')
    return rows[0]!.version!
  },
  fillShop,
  act,
  async readRows(url) {
    const client = await connect(url)
    try {
      return await readSource(client)
    } finally {
      await client.end()
    }
  },
  shell,
}

function shell(text: string): string {
  if (!URL.canParse(text)) return `mysql ${text}`
  const { hostname, port, username, password, pathname } = new URL(text)
  return `mysql -h ${hostname} -P ${port} -u ${username} -p${password} ${pathname.slice(1)}`
}

async function connect(url: string): Promise<DemoClient> {
  const connection = await mysql.createConnection({
    uri: url,
    // Rows that stay as they were do not count as changed.
    flags: ['-FOUND_ROWS'],
    charset: 'utf8mb4',
    typeCast: field => field.string(field.type === 'JSON' ? 'utf8' : undefined),
  })
  // The query that follows rejects; without a listener the process would end.
  connection.on('error', () => {})
  await connection.query("set session time_zone = '+00:00'")
  await connection.query('set session transaction isolation level read committed')
  return {
    async query(text, values) {
      const [answer] = await connection.query<mysql.ResultSetHeader | mysql.RowDataPacket[]>(
        text,
        values && [...values],
      )
      if (!Array.isArray(answer)) return { rows: [], changed: answer.affectedRows }
      return { rows: answer as Record<string, string | null>[], changed: 0 }
    },
    end: () => connection.end(),
  }
}
