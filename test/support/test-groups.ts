/** The parts of `npm test`, in order: folder of test/, processes at once, and minutes after which it counts as hung. */
export interface TestGroup {
  readonly name: string
  readonly workers: number
  readonly minutes: number
}

export const TEST_GROUPS: readonly TestGroup[] = [
  { name: 'unit', workers: 2, minutes: 12 },
  { name: 'contract', workers: 2, minutes: 15 },
  { name: 'db', workers: 2, minutes: 25 },
  { name: 'crash', workers: 1, minutes: 10 },
]
