import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { floatText, realText } from '../../runtime/record/text.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'

/** Where a middle between two floats is short, where the exponent begins, powers of two, few digits, and at random. */
const DOUBLES = [
  `unnest(ARRAY['1e23', '-2e23', '4e23', '8.41e21', '9e22', '5e-324', '1.7976931348623157e308']::float8[])`,
  `unnest(ARRAY['0.0001', '9.999999999999999e-05', '-1e-4', '999999999999999.9', '1e15', '-1e15']::float8[])`,
  `(SELECT 2::float8 ^ g FROM generate_series(-1074, 1023) g)`,
  `(SELECT (random() * 1e6)::int * 10::float8 ^ (random() * 40)::int FROM generate_series(1, 20000))`,
  `(SELECT random() * 10::float8 ^ (random() * 600 - 300) FROM generate_series(1, 20000))`,
]
const REALS = [
  `unnest(ARRAY['0.0001', '9.999999e-05', '-1e-4', '9.9999994e-05', '999999.94', '1e6', '-1e6']::float4[])`,
  `(SELECT (2::float8 ^ g)::float4 FROM generate_series(-149, 127) g)`,
  `(SELECT (random() * 1e8)::int::float4 FROM generate_series(1, 20000))`,
  `(SELECT ((random() * 1e4)::int * 10::float8 ^ (random() * 60 - 30)::int)::float4 FROM generate_series(1, 20000))`,
  `(SELECT (random() * 10::float8 ^ (random() * 74 - 36))::float4 FROM generate_series(1, 20000))`,
]

describe('the text of a float', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  it.each([...DOUBLES.map(from => ['double precision', from] as const), ...REALS.map(from => ['real', from] as const)])(
    'is what PostgreSQL prints: %s, %s',
    async (type, from) => {
      const rows = await server.sql(`SELECT v::text AS text FROM ${from} AS t(v)`)
      const texts = rows.map(({ text }) => text!)
      const ours = (text: string): string =>
        type === 'real' ? realText(Math.fround(Number(text))) : floatText('float64', Number(text))
      expect(texts.length).toBeGreaterThan(5)
      expect(texts.map(ours).filter((text, i) => text !== texts[i])).toEqual([])
    },
  )
})
