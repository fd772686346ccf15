import { expect, it } from '@jest/globals'
import { Exported } from '../support/exported.ts'
import { describeMajors } from '../support/majors.ts'

await describeMajors([14, 17, 18], server => {
  it('a type is known by its precision, labels and elements', async () => {
    await server().sql(
      `CREATE TYPE mood AS ENUM ('so so', 'happy'); CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE > 0);
       CREATE TABLE shapes (id int PRIMARY KEY, n numeric(8,2), m mood, a timestamp(3)[], p price)`,
    )
    await using exported = await Exported.open(server().url(), { tables: ['public.shapes'] })
    expect(exported.one('shapes').table.columns.map(({ type, declared }) => ({ type, declared }))).toEqual([
      { type: { kind: 'int32' }, declared: 'integer' },
      { type: { kind: 'decimal', precision: 8, scale: 2 }, declared: 'numeric(8,2)' },
      { type: { kind: 'enum', labels: ['so so', 'happy'] }, declared: 'public.mood' },
      {
        type: { kind: 'array', element: { kind: 'timestamp', precision: 3 } },
        declared: 'timestamp(3) without time zone[]',
      },
      { type: { kind: 'decimal', precision: 8, scale: 2 }, declared: 'public.price' },
    ])
  })

  it('text of a database without an encoding keeps its bytes', async () => {
    await server().sql(`CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'`)
    await server().sql(
      `CREATE TABLE raw (id int PRIMARY KEY, body text);
       INSERT INTO raw VALUES (1, convert_from('\\x61ff', 'SQL_ASCII')), (2, convert_from('\\x61c3a9', 'SQL_ASCII'))`,
      [],
      'plain',
    )
    await using exported = await Exported.open(server().url('plain'), { tables: ['public.raw'] })
    const tags: [string, string | null][] = []
    for await (const chunk of exported.load('raw'))
      for (const change of chunk.rows)
        if (change.kind === 'r') tags.push([String.fromCharCode(change.tag(1)), change.text(1)])
    expect(tags).toEqual([
      ['b', '\\x61ff'],
      ['t', 'aé'],
    ])
  })
})
