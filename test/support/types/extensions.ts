import { type TypeCase, typeCase } from './type-case.ts'

/** Types of extensions; tested where the server has the extension. */

const extensionCase = (
  extension: string,
  type: string,
  values: Parameters<typeof typeCase>[3],
  kind: 'other' | 'text' = 'other',
): TypeCase => typeCase(`public.${type}`, type.replace(/\(.*/, ''), kind, values, { made: 'extension', extension })

export const EXTENSIONS: readonly TypeCase[] = [
  extensionCase('citext', 'citext', ['Écru', ''], 'text'),
  extensionCase('hstore', 'hstore', ['"a"=>"1", "b c"=>NULL', '', '"\ufeff"=>"\\"\\\\"']),
  extensionCase('ltree', 'ltree', ['top.science.astronomy', '']),
  extensionCase('ltree', 'lquery', ['top.*{1,2}.!a']),
  extensionCase('ltree', 'ltxtquery', ['a & !b*']),
  extensionCase('cube', 'cube', ['(1, -0),(2, 0.30000000000000004)']),
  extensionCase('seg', 'seg', ['1.5 .. 2.50']),
  extensionCase('isn', 'isbn13', ['978-0-306-40615-7']),
  extensionCase('intarray', 'query_int', ['1 & ( 2 | 3 )']),
  extensionCase('postgis', 'geometry', ['0101000020E6100000000000000000F03F0000000000000040']),
  extensionCase('postgis', 'geography', ['0101000020E6100000000000000000F03F0000000000000040']),
  extensionCase('vector', 'vector(3)', ['[1,2.5,-3]']),
  extensionCase('vector', 'halfvec(3)', ['[1,2.5,-3]']),
  extensionCase('vector', 'sparsevec(5)', ['{1:1,3:2.5}/5']),
]
