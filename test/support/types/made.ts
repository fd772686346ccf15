import type { LogicalType } from '../../../runtime/contract.ts'
import { numericTypmod, type TypeCase, typeCase } from './type-case.ts'

/** Arrays, and types that people make, in the order of docs/types.md. */

export const MADE_DDL = `
  CREATE TYPE public.mood AS ENUM ('so so', 'happy', 'it''s "é\u{1f600}"');
  CREATE DOMAIN public.price AS numeric(8,2) CHECK (VALUE > 0);
  CREATE DOMAIN public.fair_price AS public.price CHECK (VALUE < 1000);
  CREATE DOMAIN public.tags AS text[] CHECK (cardinality(VALUE) < 9);
  CREATE TYPE public.pair AS (n bigint, t text);
  CREATE DOMAIN public.whole_pair AS public.pair CHECK (VALUE IS NULL OR (VALUE).n > 0);
  CREATE TYPE public.nest AS (p public.pair, at timestamptz[], f float8);
  CREATE TYPE public.span AS RANGE (subtype = float8);
  CREATE TABLE public.tricky (n int)`

const array = (element: LogicalType): LogicalType => ({ kind: 'array', element })
const arrayCase = (
  type: string,
  of: string,
  element: LogicalType | LogicalType['kind'],
  values: Parameters<typeof typeCase>[3],
  rest: Partial<TypeCase> = {},
): TypeCase =>
  typeCase(type, `_${of}`, array(typeof element === 'string' ? ({ kind: element } as LogicalType) : element), values, {
    made: 'array',
    of,
    ...rest,
  })

const MOOD: LogicalType = { kind: 'enum', labels: ['so so', 'happy', `it's "é\u{1f600}"`] }
const PRICE: LogicalType = { kind: 'decimal', precision: 8, scale: 2 }

export const ARRAYS: readonly TypeCase[] = [
  arrayCase('integer[]', 'int4', 'int32', [
    '{1,NULL,3}',
    '{}',
    '{{1,2},{3,4}}',
    '[0:1]={1,2}',
    '[-1:0][2:3]={{1,2},{3,4}}',
    '{{{{{{7}}}}}}',
  ]),
  arrayCase('bigint[]', 'int8', 'int64', ['{9223372036854775807,-9223372036854775808}']),
  arrayCase('boolean[]', 'bool', 'boolean', ['{t,NULL,f}']),
  arrayCase('double precision[]', 'float8', 'float64', ['{0.1,NaN,-Infinity}', '{-0}']),
  arrayCase('numeric(8,2)[]', 'numeric', PRICE, ['{1.50,NULL}', '{NaN}'], { typmod: numericTypmod(8, 2) }),
  arrayCase('text[]', 'text', 'text', [
    '{NULL,"NULL","a,b","q\\"q","back\\\\slash","",é}',
    '{"null","{}"," a","\ttab","new\nline","\v"}',
    '{\ufeff,\u00a0,\u2028,\u{1f600}}',
    '{{a,b},{NULL,"c d"}}',
  ]),
  arrayCase('bytea[]', 'bytea', 'bytes', ['{"\\\\x00ff","\\\\x"}']),
  arrayCase('date[]', 'date', 'date', ['{2024-02-29,infinity,"0001-01-01 BC"}']),
  arrayCase('time with time zone[]', 'timetz', 'timetz', ['{12:00:00+05:30,00:00:00+00}']),
  arrayCase('timestamp with time zone[]', 'timestamptz', 'timestamptz', [
    '{"2024-03-01 19:00:00+00",infinity,"0001-01-01 00:00:00+00 BC"}',
  ]),
  arrayCase(
    'timestamp(3) without time zone[]',
    'timestamp',
    { kind: 'timestamp', precision: 3 },
    ['{"2024-03-01 19:00:00.123",infinity}'],
    { typmod: 3 },
  ),
  arrayCase('jsonb[]', 'jsonb', 'json', ['{"{\\"a\\": [1, null]}",NULL,"null"}']),
  arrayCase('uuid[]', 'uuid', 'uuid', ['{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}']),
  arrayCase('int4range[]', 'int4range', 'other', ['{"[1,5)",empty}']),
  typeCase('box[]', '_box', 'other', ['{(3,4),(1,2);(1,1),(0,0)}'], { made: 'array', of: 'box' }),
]

export const MADE: readonly TypeCase[] = [
  typeCase('public.mood', 'mood', MOOD, ['so so', 'happy', `it's "é\u{1f600}"`], { made: 'enum' }),
  arrayCase('public.mood[]', 'mood', MOOD, ['{"so so",happy,"it\'s \\"é\u{1f600}\\""}']),
  typeCase('public.price', 'price', PRICE, ['12.50'], { made: 'domain', of: 'numeric', typmod: numericTypmod(8, 2) }),
  typeCase('public.fair_price', 'fair_price', PRICE, ['999.99'], { made: 'domain', of: 'price' }),
  arrayCase('public.price[]', 'price', PRICE, ['{12.50,NULL}']),
  typeCase('public.tags', 'tags', array({ kind: 'text' }), ['{a,NULL,"b c"}', '[5:5]={x}'], {
    made: 'domain',
    of: '_text',
  }),
  arrayCase('public.tags[]', 'tags', 'other', ['{"{a,b}","{\\"c d\\"}",NULL}', '{{"{}"},{"{NULL}"}}']),
  typeCase('public.pair', 'pair', 'other', ['(1,"a b")', '(,)', '(9223372036854775807,"")', '(1,"""\\\\é,")'], {
    made: 'composite',
  }),
  arrayCase('public.pair[]', 'pair', 'other', ['{"(1,\\"a b\\")",NULL,"(,)"}']),
  typeCase('public.whole_pair', 'whole_pair', 'other', ['(1,)'], { made: 'domain', of: 'pair' }),
  typeCase('public.nest', 'nest', 'other', ['("(1,a)","{""2024-03-01 19:00:00+00""}",-0)'], { made: 'composite' }),
  typeCase('public.span', 'span', 'other', ['[-0,0.30000000000000004)', 'empty'], { made: 'range' }),
  typeCase('public.span_multirange', 'span_multirange', 'other', ['{[1,2),[3,Infinity]}'], { made: 'range' }),
]
