/** Holds a database file open as another program would, until it is killed: `duckdb-holder.ts PATH`. */
import { DuckDBInstance } from '@duckdb/node-api'

const instance = await DuckDBInstance.create(process.argv[2])
const connection = await instance.connect()
process.stdout.write('open\n')
process.stdin.on('data', () => connection.closeSync())
