import { describe, expect, it } from '@jest/globals'
import { z } from 'zod'
import { postgresConfig, publicationNames, slotName } from '../../../connectors/postgres/config.ts'
import { clientOptions, postgresAddress } from '../../../connectors/postgres/connection.ts'
import { connectionError } from '../../../connectors/postgres/connection-error.ts'
import { addressWarning } from '../../../runtime/server-address.ts'

const url = 'postgres://user:p%40ss@db.example:5433/shop'
const parse = (options: object) => postgresConfig.parse({ url, tables: ['public.*'], ...options })

describe('options of a postgres source', () => {
  it('need only a url and tables', () => {
    expect(parse({})).toMatchObject({
      exclude: [],
      columns: { exclude: [], mask: {} },
      keys: {},
      appendOnly: [],
      snapshot: 'initial',
      before: 'source',
      maxValueBytes: 128 * 1024 * 1024,
      failover: true,
    })
  })

  it('take null of YAML, with quotes or without, as the mask of that name', () => {
    const columns = { mask: { 'public.t.a': null, 'public.t.b': 'null' } }
    expect(parse({ columns }).columns.mask).toEqual({ 'public.t.a': 'null', 'public.t.b': 'null' })
  })

  it.each([
    ['an unknown option', { table: [] }],
    ['no table at all', { tables: [] }],
    ['a pattern that is none', { tables: ['orders'] }],
    ['a mask of a table', { columns: { mask: { 'public.t': 'redact' } } }],
    ['an unknown mask', { columns: { mask: { 'public.t.a': 'md5' } } }],
    ['a hash without a key', { columns: { mask: { 'public.t.a': 'hash' } } }],
    ['a short mask key', { maskKey: 'short' }],
    ['a key of many tables', { keys: { 'public.*': 'u' } }],
    ['a slot name that the server refuses', { slot: 'My-Slot' }],
    ['a publication name that the server would cut', { publication: 'é'.repeat(32) }],
  ])('refuse %s', (_what, options) => {
    expect(postgresConfig.safeParse({ url, tables: ['public.*'], ...options }).success).toBe(false)
  })

  it('have a JSON Schema', () => {
    expect(z.toJSONSchema(postgresConfig, { io: 'input' })).toMatchObject({
      type: 'object',
      required: ['url', 'tables'],
      additionalProperties: false,
    })
  })

  it('name slot and publications by pipeline and source, within what the server takes', () => {
    const names = { pipeline: 'p'.repeat(31), name: 's'.repeat(22) }
    const { main, append } = publicationNames(parse({}), names)
    expect(slotName(parse({}), names)).toBe(main)
    expect(main).toHaveLength(63)
    expect(append).toMatch(/_append$/)
    expect(Buffer.byteLength(append)).toBeLessThanOrEqual(63)
    expect(append).not.toBe(publicationNames(parse({}), { ...names, name: `${'s'.repeat(21)}t` }).append)
    expect(publicationNames(parse({ publication: 'mine' }), names)).toEqual({ main: 'mine', append: 'mine_append' })
  })
})

describe('a connection', () => {
  it('takes everything from the url', () => {
    expect(clientOptions({ url })).toMatchObject({
      host: 'db.example',
      port: 5433,
      user: 'user',
      password: 'p@ss',
      database: 'shop',
    })
    expect(clientOptions({ url: 'postgres://u@[::1]/d' })).toMatchObject({ host: '::1', port: 5432, ssl: false })
    expect(clientOptions({ url: 'postgres://u@/d?host=/run/pg&port=6' })).toMatchObject({
      host: '/run/pg',
      port: 6,
      ssl: false,
    })
  })

  it.each([
    ['a loopback address is plain', 'postgres://u@127.0.0.1/d', false],
    ['everything else proves itself', 'postgres://u@db/d', { rejectUnauthorized: true, servername: 'db' }],
    ['disable is plain', 'postgres://u@db/d?sslmode=disable', false],
    [
      'require without a root only encrypts',
      'postgres://u@db/d?sslmode=require',
      { rejectUnauthorized: false, servername: 'db', checkServerIdentity: expect.any(Function) },
    ],
    [
      'verify-full also on loopback',
      'postgres://u@localhost/d?sslmode=verify-full',
      { rejectUnauthorized: true, servername: 'localhost' },
    ],
  ])('%s', (_what, address, ssl) => {
    expect(clientOptions({ url: address }).ssl).toEqual(ssl)
  })

  it('that is encrypted but not verified is warned of', () => {
    const warning = (text: string): string | undefined => addressWarning(postgresAddress({ url: text }))
    expect(warning('postgres://u@db/d?sslmode=require')).toContain('verify-full')
    expect(warning('postgres://u@db/d')).toBeUndefined()
  })

  it.each(['db/shop', 'mysql://u@h/d', 'postgres://u@h', 'postgres://u@a,b/d', 'postgres://u@h/d?sslmode=allow'])(
    'to %s is refused without showing the url',
    address => {
      expect(() => clientOptions({ url: address })).toThrow(expect.objectContaining({ code: 'CONFIG_URL' }))
    },
  )

  it.each([
    [{ code: '28P01', message: 'password authentication failed' }, 'SOURCE_AUTH', 'stop'],
    [{ message: 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string' }, 'SOURCE_AUTH', 'stop'],
    [{ code: '42501', message: 'permission denied for table t' }, 'SOURCE_PREREQUISITE', 'stop'],
    [{ code: 'SELF_SIGNED_CERT_IN_CHAIN', message: 'self-signed certificate' }, 'SOURCE_TLS', 'stop'],
    [{ code: '08P01', message: 'unsupported startup parameter: options' }, 'SOURCE_PREREQUISITE', 'stop'],
    [{ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }, 'SOURCE_UNREACHABLE', 'retry'],
    [{ code: '57P01', message: 'terminating connection' }, 'SOURCE_UNREACHABLE', 'retry'],
    [{ code: '53300', message: 'too many connections' }, 'SOURCE_UNREACHABLE', 'retry'],
    [{ message: 'Connection terminated unexpectedly' }, 'SOURCE_UNREACHABLE', 'retry'],
    [{ code: 'XX000', message: 'something else' }, 'SOURCE_FAILED', 'retry'],
  ])('that fails with %j means %s', (error, code, recovery) => {
    expect(connectionError(error, 'db:5432')).toMatchObject({ code, recovery })
  })
})
