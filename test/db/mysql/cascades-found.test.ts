import { expect, it } from '@jest/globals'
import { unloggedCascades } from '../../../connectors/mysql/cascades.ts'
import { captureTables } from '../../../connectors/mysql/catalog.ts'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import { connectMysql } from '../../../connectors/mysql/connection.ts'
import { Numbering } from '../../../connectors/mysql/numbering.ts'
import { serverFacts } from '../../../connectors/mysql/server-facts.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import type { MysqlServer } from '../../support/mysql/server.ts'

const TABLES = `
  CREATE TABLE p (id int PRIMARY KEY);
  CREATE TABLE deleted (id int PRIMARY KEY, p int,
    CONSTRAINT \`on delete\` FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);
  CREATE TABLE emptied (id int PRIMARY KEY, \`on update cascade\` int,
    CONSTRAINT \`a\`\`b\` FOREIGN KEY (\`on update cascade\`) REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE);
  CREATE TABLE refused (id int PRIMARY KEY, \`on delete cascade\` int COMMENT '\nCONSTRAINT \`c\` FOREIGN KEY ON DELETE CASCADE',
    FOREIGN KEY (\`on delete cascade\`) REFERENCES p (id) ON DELETE RESTRICT ON UPDATE NO ACTION);
  CREATE TABLE unwatched (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);`

/** As a user who may do no more than a source needs. */
async function found(server: MysqlServer): Promise<unknown[]> {
  const database = await server.createDatabase()
  await server.query(TABLES, database)
  const url = await server.createUser(
    `u_${database}`.slice(0, 16),
    'SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.*',
  )
  const config = mysqlConfig.parse({ url, tables: [`${database}.*`], exclude: ['*.unwatched'] })
  const signal = AbortSignal.timeout(20_000)
  const client = await connectMysql(config, 'test', signal)
  try {
    const facts = await serverFacts(client)
    const numbering = new Numbering('app', [], undefined)
    const captured = await captureTables(client, { config, numbering, flavor: facts.flavor })
    const cascades = await unloggedCascades(
      client,
      facts,
      captured.map(({ table }) => table),
    )
    return cascades.map(({ child, constraint, actions }) => [child.table, constraint, ...actions]).sort()
  } finally {
    client.destroy()
  }
}

const ALL = [
  ['deleted', 'on delete', 'ON DELETE CASCADE'],
  ['emptied', 'a`b', 'ON DELETE SET NULL', 'ON UPDATE CASCADE'],
]

await describeFlavors((server, flavor, version) => {
  it('finds the foreign keys whose changes are not logged, with no more than SELECT on the tables', async () => {
    expect(await found(server())).toEqual(flavor === 'mysql' && version >= 906 ? [] : ALL)
    if (flavor === 'mysql') {
      await server().restart(['--loose-innodb-native-foreign-keys=ON'])
      expect(await found(server())).toEqual(ALL)
    }
  }, 60_000)
})
