import { describe, expect, it } from '@jest/globals'
import { Random } from '../../crash/random.ts'
import { mutateEvents } from '../../support/mysql/binlog-mutations.ts'

describe('a damaged event', () => {
  it('is refused, or read to its end and no further', async () => {
    const figures = await mutateEvents(new Random(1), 3000)
    expect(figures.refused + figures.read).toBe(3000)
    expect(figures.refused).toBeGreaterThan(500)
    expect(figures.read).toBeGreaterThan(500)
  })
})
