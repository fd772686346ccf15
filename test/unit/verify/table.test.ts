import { describe, expect, it } from '@jest/globals'
import { TableComparison } from '../../../runtime/verify/table.ts'
import type { TableReport } from '../../../runtime/verify-report.ts'
import { Told, TwoSides } from '../../support/two-sides.ts'

const signal = new AbortController().signal

async function compare(sides: TwoSides, fix = false): Promise<{ report: TableReport; told: Told }> {
  const told = new Told()
  const report = await new TableComparison(sides, sides.request, told, { fix, found: 0 }).run(signal)
  return { report, told }
}

/** Ten rows that are equal on both sides. */
function equalSides(): TwoSides {
  const sides = new TwoSides()
  for (let i = 1; i <= 10; i++) sides.write(String(i), `row ${i}`, `${i}.00`)
  return sides
}

describe('a comparison', () => {
  it('finds nothing where both sides are equal', async () => {
    const { report, told } = await compare(equalSides())
    expect(told.lines).toEqual([])
    expect(report).toEqual({
      table: 'app.public.items',
      isCompared: true,
      compared: 10,
      missing: 0,
      extra: 0,
      different: 0,
      fixed: 0,
      unsettled: 0,
      leftOut: null,
    })
  })

  it('names what is missing, extra and different, with the columns, and nothing else', async () => {
    const sides = equalSides()
    sides.write('4', '', '4.00')
    sides.write('5', null, '5.00')
    sides.sinkRows.delete('1')
    sides.hold('2', { id: '2', name: 'row 2 ', price: '2.00' })
    sides.hold('3', { id: '3', name: 'row 3', price: '3.01' })
    sides.hold('4', { id: '4', name: null, price: '4.00' })
    sides.hold('5', { id: '5', name: '', price: '5.0' })
    sides.hold('99', { id: '99', name: 'ghost', price: null })
    const { report, told } = await compare(sides)
    expect(told.lines).toEqual([
      'different 2 name',
      'different 3 price',
      'different 4 name',
      'different 5 name price',
      'extra 99',
      'missing 1',
    ])
    expect(report).toMatchObject({ compared: 10, missing: 1, extra: 1, different: 4, fixed: 0, unsettled: 0 })
  })

  it('takes a column of which the sink holds nothing for NULL', async () => {
    const sides = equalSides()
    sides.write('1', 'row 1', null)
    sides.hold('1', { id: '1', name: 'row 1' })
    sides.hold('2', { id: '2', name: 'row 2' })
    expect((await compare(sides)).told.lines).toEqual(['different 2 price'])
  })

  it('names what stands in the place of a row without being one', async () => {
    const sides = equalSides()
    sides.sinkRows.set('3', { ...sides.sinkRows.get('3')!, cells: new Map(), foreign: true })
    expect((await compare(sides)).told.lines).toEqual(['different 3'])
  })

  it('compares with what the sink shows of a value', async () => {
    const sides = equalSides()
    for (const [id, { cells }] of sides.sinkRows)
      sides.hold(id, { id, name: cells.get('name')!, price: cells.get('price')!.replace(/\.?0+$/, '') })
    const shown = Object.assign(sides, {
      shown: () => [undefined, undefined, (text: string) => text.replace(/\.?0+$/, '')],
    })
    expect((await compare(shown)).told.lines).toEqual([])
  })

  it('does not look for extra rows where the sink keeps what the source deletes', async () => {
    const sides = equalSides()
    sides.keepsDeleted = true
    sides.commit('7', undefined)
    sides.sinkRows.delete('2')
    const { report, told } = await compare(sides)
    expect(told.lines).toEqual(['missing 2'])
    expect(report.leftOut).toContain('onDelete: ignore')
  })

  it('looks closely before it holds more than a few megabytes of keys, and at some keys at a time', async () => {
    const sides = new TwoSides()
    sides.chunkRows = 1000
    for (let i = 0; i < 60_000; i++) sides.commit(`key ${i}`, ['a', '1'])
    let compared = 0
    let atFirstLook: number | undefined
    sides.onChunk = () => {
      if (sides.looks.length === 0) compared += sides.chunkRows
    }
    sides.onLoad = keys => {
      if (keys !== undefined) atFirstLook ??= compared
    }
    const { report } = await compare(sides)
    expect(report).toMatchObject({ compared: 60_000, missing: 60_000 })
    expect(atFirstLook).toBeLessThan(60_000)
    expect(Math.max(...sides.looks.map(keys => keys.length))).toBeLessThanOrEqual(2000)
  }, 30_000)
})

describe('a comparison of sides that move', () => {
  it('does not name a row that changed after it was read', async () => {
    const sides = equalSides()
    let changed = false
    sides.onGet = () => {
      if (!changed) sides.write('2', 'changed', '2.00')
      changed = true
    }
    const { report, told } = await compare(sides)
    expect(told.lines).toEqual([])
    expect(report.unsettled).toBe(0)
    expect(sides.looks).toEqual([['2']])
  })

  it('does not name rows that came or went meanwhile', async () => {
    const sides = equalSides()
    sides.onChunk = () => {
      sides.write('11', 'new', '1.00')
      sides.commit('10', undefined)
      sides.deliver('10')
      sides.onChunk = () => {}
    }
    expect((await compare(sides)).told.lines).toEqual([])
  })

  it('looks again while the log has a change that the fence did not see', async () => {
    const sides = equalSides()
    sides.sinkRows.delete('3')
    let looks = 0
    sides.onGet = keys => {
      if (keys.length === 1 && keys[0] === '3' && ++looks < 4) sides.commit('3', [`changed ${looks}`, null])
    }
    const { report, told } = await compare(sides)
    expect(told.lines).toEqual(['missing 3'])
    expect(report.unsettled).toBe(0)
    expect(sides.looks.length).toBe(4)
  })

  it('counts a key that changes at every look as unsettled, not as different', async () => {
    const sides = equalSides()
    sides.sinkRows.delete('3')
    sides.sinkRows.delete('4')
    sides.onGet = keys => {
      if (keys.includes('3')) sides.commit('3', ['restless', null])
    }
    const { report, told } = await compare(sides)
    expect(told.lines).toEqual(['missing 4'])
    expect(told.keys).toEqual([{ table: 'app.public.items', key: '3' }])
    expect(report).toMatchObject({ missing: 1, unsettled: 1 })
  })

  it('takes a commit that hangs, in the log before the source shows it, for no difference', async () => {
    const sides = equalSides()
    const before = sides.sourceRows.get('3')!
    const transaction = sides.commit('3', ['committed', null])
    sides.deliver('3')
    sides.sourceRows.set('3', before)
    sides.hanging.add(transaction)
    let looks = 0
    sides.onLoad = keys => {
      if (keys === undefined || ++looks < 3) return
      sides.hanging.clear()
      sides.sourceRows.set('3', ['3', 'committed', null])
    }
    const { report, told } = await compare(sides)
    expect(told.lines).toEqual([])
    expect(report.unsettled).toBe(0)
    expect(looks).toBe(3)
  })

  it('trusts a row of a load that stood in the log before the look, and looks again if one came meanwhile', async () => {
    const sides = equalSides()
    for (const id of ['3', '4']) {
      sides.loaded(id)
      sides.sinkRows.delete(id)
    }
    let isFirst = true
    sides.onGet = keys => {
      if (keys.length !== 2) return
      if (isFirst) sides.loaded('4')
      isFirst = false
    }
    expect((await compare(sides)).told.lines).toEqual(['missing 3', 'missing 4'])
    expect(sides.looks).toEqual([['3', '4'], ['4']])
  })

  it('looks again where a truncate came that the fence did not see', async () => {
    const sides = equalSides()
    let truncated = false
    sides.onGet = () => {
      if (truncated) return
      truncated = true
      sides.transaction++
      sides.truncated = { version: 1000n, transaction: String(sides.transaction) as never }
      sides.sourceRows.clear()
      sides.sinkRows.clear()
      sides.logged.clear()
    }
    const { report, told } = await compare(sides)
    expect(told.lines).toEqual([])
    expect(report.unsettled).toBe(0)
  })
})

describe('a comparison that mends', () => {
  it('writes what differs anew and says that it is equal', async () => {
    const sides = equalSides()
    sides.sinkRows.delete('1')
    sides.hold('2', { id: '2', name: 'wrong', price: '2.00' })
    sides.hold('99', { id: '99', name: 'ghost', price: null })
    const { report, told } = await compare(sides, true)
    expect(told.lines).toEqual(['different 2 name', 'extra 99', 'missing 1'])
    expect(told.differences.every(({ fixed }) => fixed)).toBe(true)
    expect(sides.repaired.toSorted()).toEqual(['1', '2', '99'])
    expect(report).toMatchObject({ missing: 1, extra: 1, different: 1, fixed: 3 })
    expect((await compare(sides)).told.lines).toEqual([])
  })

  it('does not call mended what differs even so', async () => {
    const sides = equalSides()
    sides.sinkRows.delete('1')
    sides.sinkRows.delete('2')
    sides.onRepair = keys => sides.resend(keys.filter(key => key !== '2'))
    const { report, told } = await compare(sides, true)
    expect(told.differences.filter(({ fixed }) => !fixed).map(({ key }) => key)).toEqual(['2'])
    expect(report).toMatchObject({ missing: 2, fixed: 1 })
  })

  it('touches nothing where nothing differs', async () => {
    const sides = equalSides()
    await compare(sides, true)
    expect(sides.repaired).toEqual([])
  })
})
