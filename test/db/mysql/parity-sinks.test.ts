import { beforeAll, expect, it } from '@jest/globals'
import type { Table } from '../../../runtime/contract.ts'
import postgresSink from '../../../sinks/postgres.ts'
import { redisProgram } from '../../support/cached-redis.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import type { TypeCase } from '../../support/mysql/type-case.ts'
import { TYPE_CASES } from '../../support/mysql/type-cases.ts'
import { casesOf, entriesOf, INSERTED, readTyped, writeTyped } from '../../support/mysql/typed-table.ts'
import { startPostgres } from '../../support/postgres.ts'
import { startRedis } from '../../support/redis.ts'
import { itIf } from '../../support/skip.ts'
import { SINKS, typedLog } from '../../support/types/page.ts'
import { postgresForms } from '../../support/types/postgres-forms.ts'
import { redisForms } from '../../support/types/redis-forms.ts'
import type { Form, Place, TypedLog } from '../../support/types/sink-forms.ts'
import { typeCase } from '../../support/types/type-case.ts'

const redisProblem = await redisProgram().then(
  () => undefined,
  (error: unknown) => String(error),
)

/** As the page of types has them. */
const documentedCase = ({ declared, logical, values }: TypeCase) =>
  typeCase(
    declared,
    declared,
    logical,
    values.map(({ text }) => text),
  )

await describeFlavors((server, flavor, version) => {
  const cases = casesOf(TYPE_CASES, flavor, version)
  const entries = entriesOf(cases)
  /** The first column of rows that were inserted was changed. */
  const inserted = entries.map((_, i) => i).filter(i => entries[i]!.column > 0)
  let log: TypedLog

  beforeAll(async () => {
    // The database is what the sinks take for a schema.
    await writeTyped(server(), 'public', cases)
    const options = { url: `${server().url()}?sslmode=disable`, tables: ['public.types'] }
    const { run } = await readTyped(server(), 'public', options, cases)
    const places: Place[] = [
      ...entries.map(({ column }, row) => ({ row, column })),
      ...inserted.map(i => ({ row: INSERTED + i, column: entries[i]!.column })),
    ]
    log = { id: run.log.id, batches: run.batches, places }
  }, 120_000)

  /** Of rows that were loaded and inserted. */
  const twice = (forms: readonly Form[]): Form[] => [...forms, ...inserted.map(i => forms[i])]
  const documented = typedLog(cases.map(documentedCase))

  const tableOf = ({ batches }: TypedLog): Table => [...batches[0]!][0]!.table

  it.each(Object.entries(SINKS))('hold every value as docs/types.md says: %s', async (_, read) => {
    expect((await read(log)).forms).toEqual(twice((await read(documented)).forms))
  })

  it('hold every value as the sink shows it, or refuse it: postgres', async () => {
    await using postgres = await startPostgres()
    const { forms, back } = await postgresForms(postgres, log)
    const of = await postgresForms(postgres, documented)
    expect(forms).toEqual(twice(of.forms))
    const shown = postgresSink.shown!(postgresSink.config.parse({ url: postgres.url() }), tableOf(documented))
    for (const [row, { column, value }] of entries.entries()) {
      if (of.forms[row] === undefined) {
        // Zero dates are all that PostgreSQL's types lack.
        expect(value.text).toMatch(/^(0000-00-00|\d{4}-(00-00|\d\d-00))/)
        continue
      }
      expect(back.get(String(row))?.get(`c${column}`)).toBe(shown[column + 1]?.(value.text) ?? value.text)
    }
  })

  itIf(redisProblem === undefined, redisProblem ?? '')('hold every value as docs/types.md says: redis', async () => {
    await using redis = await startRedis()
    expect((await redisForms(redis, 0, 'json', log)).forms).toEqual(twice((await SINKS.json(documented)).forms))
    const texts = entries.map(({ value }) => ({ type: 'hash', text: value.text }))
    expect((await redisForms(redis, 1, 'hash', log)).forms).toEqual(twice(texts))
  })
})
