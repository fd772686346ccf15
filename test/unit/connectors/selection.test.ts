import { describe, expect, it } from '@jest/globals'
import { resumedTables } from '../../../connectors/common/resumed.ts'
import {
  columnRules,
  configuredKey,
  isAppendOnly,
  isWanted,
  type Listed,
  missingColumns,
  nameOf,
  selectTables,
} from '../../../connectors/common/selection.ts'

interface Relation {
  readonly schema: string
  readonly table: string
  readonly isView?: boolean
}

function listed(...names: readonly string[]): Listed<Relation> {
  return {
    relations: names.map(name => {
      const [schema = '', table = ''] = name.split('.')
      return { schema, table, isView: table.startsWith('v_') }
    }),
    unsupported: ({ isView }) => (isView ? 'is a view' : undefined),
    toBeSeen: 'the user needs SELECT on it',
  }
}

const options = (tables: readonly string[], exclude: readonly string[] = []) => ({ tables, exclude })

describe('the tables that a configuration means', () => {
  const shop = listed('shop.orders', 'shop.customers', 'shop.v_sums', 'shop.audit_1', 'crm.orders')

  it('come by name, each once; exclude wins, and a star passes over what cannot be followed', () => {
    const { chosen, problems } = selectTables(options(['shop.*', 'shop.orders'], ['*.audit_*']), shop)
    expect(chosen.map(nameOf)).toEqual(['shop.customers', 'shop.orders'])
    expect(problems).toEqual([])
  })

  it('are refused by name where they are missing or cannot be followed', () => {
    const { chosen, problems } = selectTables(options(['shop.Orders', 'shop.v_sums', 'crm.orders']), shop)
    expect(chosen.map(nameOf)).toEqual(['crm.orders'])
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'TABLE_MISSING There is no table shop.Orders.',
      'TABLE_UNSUPPORTED shop.v_sums is a view.',
    ])
    expect(problems[0]!.hint).toMatch(/shop\.orders.*and the user needs SELECT on it\.$/)
  })

  it('are at least one', () => {
    expect(selectTables(options(['hr.*']), shop).problems).toMatchObject([{ code: 'TABLE_MISSING' }])
  })

  it('are known without a catalog', () => {
    expect(isWanted(options(['shop.*'], ['shop.a*']), { schema: 'shop', table: 'orders' })).toBe(true)
    expect(isWanted(options(['shop.*'], ['shop.a*']), { schema: 'shop', table: 'audit' })).toBe(false)
    expect(isAppendOnly({ appendOnly: ['*.log'] }, 'shop', 'log')).toBe(true)
    expect(configuredKey({ keys: { 'shop."a.b"': 'by_code' } }, 'shop', 'a.b')).toBe('by_code')
    expect(configuredKey({ keys: { 'shop.a': 'by_code' } }, 'shop', 'b')).toBeUndefined()
  })

  it('stay those of the log where it goes on: new ones are told apart, gone ones named', () => {
    const known = ['shop.orders', 'shop.gone', 'crm.gone'].map(name => {
      const [schema = '', table = ''] = name.split('.')
      return { schema, table }
    })
    const config = { ...options(['shop.*', 'crm.gone', 'crm.orders'], ['shop.audit_*']), more: 1 }
    expect(resumedTables(config, shop, known)).toEqual({
      config: { ...config, tables: ['crm.orders', 'shop.orders'] },
      added: ['shop.customers'],
      gone: ['shop.gone', 'crm.gone'],
    })
  })
})

describe('the columns that a configuration means', () => {
  const columns = {
    exclude: ['shop.customers.ssn'],
    mask: { 'shop.*.email': 'hash', 'shop.customers.*': 'redact' } as const,
  }

  it('are excluded first, else masked by the rule written first', () => {
    expect(columnRules({ columns }, 'shop', 'customers', ['ssn', 'email', 'name'])).toEqual([
      'exclude',
      'hash',
      'redact',
    ])
    expect(columnRules({ columns }, 'shop', 'orders', ['ssn', 'email'])).toEqual(['keep', 'hash'])
  })

  it('are there, if they are named exactly', () => {
    const table = { schema: 'shop', table: 'customers', columns: ['SSN', 'email'] }
    expect(missingColumns({ columns }, [table])).toMatchObject([
      { code: 'CONFIG_COLUMN', hint: expect.stringContaining('shop.customers.SSN') },
    ])
    expect(missingColumns({ columns }, [{ ...table, columns: ['ssn'] }])).toEqual([])
  })
})
