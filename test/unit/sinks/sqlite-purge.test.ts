import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { sqlitePlace } from '../../support/file-places.ts'
import { GenerationRig } from '../../support/generation-rig.ts'
import { items } from '../../support/sink-rig.ts'

describe('a purge of the sqlite sink', () => {
  const rig = new GenerationRig()
  let path: string

  beforeEach(async () => {
    await rig.begin(await sqlitePlace('main', { 'app.public.items': ['name'] }))
    path = (rig.config as { path: string }).path
    await rig.build(undefined, [rig.put('1 old', '2 lamp')])
    await rig.close()
  })
  afterEach(() => rig.end())

  it('says so if a reader keeps it from its end', async () => {
    using reader = new DatabaseSync(path)
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM app_public_items').get()
    await expect(rig.purge(items, [['1']])).rejects.toMatchObject({ code: 'TARGET_BUSY', recovery: 'retry' })
    reader.exec('COMMIT')
    await rig.purge(items, [['1']])
  }, 20_000)

  it('leaves the database sound, with all that others keep in it', async () => {
    using user = new DatabaseSync(path)
    user.exec('CREATE TABLE mine (id INTEGER, body TEXT); CREATE INDEX by_body ON mine(body)')
    user.exec(`INSERT INTO mine VALUES (7, 'kept'); CREATE VIEW named AS SELECT name FROM app_public_items`)
    await rig.purge(items, [['1']])
    expect(user.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' })
    user.exec(`INSERT INTO app_public_items_search(app_public_items_search) VALUES ('integrity-check')`)
    expect(user.prepare('SELECT body FROM mine INDEXED BY by_body WHERE body = ?').all('kept')).toHaveLength(1)
    expect(user.prepare('SELECT * FROM named').all()).toHaveLength(2)
    const match = `SELECT t.id FROM app_public_items_search s JOIN app_public_items t ON t.rowid = s.rowid
      WHERE app_public_items_search MATCH 'lamp'`
    expect(user.prepare(match).all()).toMatchObject([{ id: 2 }])
  })

  it('goes over a file whose tables were dropped by hand', async () => {
    {
      using user = new DatabaseSync(path)
      user.exec('DROP TABLE app_public_items')
    }
    expect(await rig.purge(items, [['1']])).toEqual([`rewrote ${path}`])
  })
})
