/** A file of the binary log that is gone is told from one that could not be looked at. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import { fileBegun } from '../../../connectors/mysql/file-begun.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { describeEachFlavor } from '../../support/mysql/flavors.ts'
import { type MysqlServer, startMysql } from '../../support/mysql/server.ts'

const COM_BINLOG_DUMP = 0x12

await describeEachFlavor(flavor => {
  let server: MysqlServer
  beforeAll(async () => {
    server = await startMysql({ flavor })
  })
  afterAll(() => server[Symbol.asyncDispose]())

  async function begun(file: string, port?: number, signal = AbortSignal.timeout(20_000)): Promise<number | undefined> {
    const url = new URL(`${server.url()}?sslmode=disable`)
    if (port !== undefined) url.port = String(port)
    const config = mysqlConfig.parse({ url: url.href, tables: ['a.*'] })
    const context = { pipeline: 'begun', name: 'app', logger: createLogger('silent'), folder: '' }
    return await fileBegun({ config, context, name: 'begun' }, file, signal)
  }

  async function newest(): Promise<string> {
    return (await server.query('SHOW BINARY LOGS')).at(-1)!.Log_name!
  }

  it('says when a file was begun, and nothing of one that is not there', async () => {
    const now = async (): Promise<number> => Number((await server.query('SELECT UNIX_TIMESTAMP() AS now'))[0]!.now)
    const first = await now()
    await server.query('FLUSH BINARY LOGS')
    const time = (await begun(await newest()))!
    expect(time).toBeGreaterThanOrEqual(first)
    expect(time).toBeLessThanOrEqual(await now())
    expect(await begun((await newest()).replace(/\d+$/, '999999'))).toBeUndefined()
  })

  it('throws, to be tried again, when the line is cut as it looks', async () => {
    await using proxy = createServer(client => {
      const upstream = connect(server.port, '127.0.0.1')
      for (const socket of [client, upstream]) socket.on('error', () => {})
      upstream.pipe(client)
      client.on('data', chunk => {
        if (chunk[4] === COM_BINLOG_DUMP) client.destroy()
        else upstream.write(chunk)
      })
      client.on('close', () => upstream.destroy())
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const { port } = proxy.address() as AddressInfo
    await expect(begun(await newest(), port)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      recovery: 'retry',
    })
  })
})
