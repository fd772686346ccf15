/** The parts of `npm test`, in order. */
import { dockerProblem } from './image-files.ts'
import { RELEASE_VARIABLE, RELEASES } from './mysql/releases.ts'

export interface TestGroup {
  readonly name: string
  /** Paths of tests, or what they begin with. */
  readonly tests: readonly string[]
  /** Processes at once. */
  readonly workers: number
  /** After which it counts as hung. */
  readonly minutes: number
  readonly env?: Readonly<Record<string, string>>
  /** Says why none of it can run here, if so. */
  readonly problem?: () => Promise<string | undefined>
}

/** What is run again for each further release of MySQL and MariaDB. */
const MYSQL_TESTS = ['test/db/mysql/', 'test/contract/source-mysql', 'test/crash/mysql']

export const TEST_GROUPS: readonly TestGroup[] = [
  { name: 'unit', tests: ['test/unit/'], workers: 2, minutes: 12 },
  { name: 'contract', tests: ['test/contract/'], workers: 2, minutes: 25 },
  { name: 'db', tests: ['test/db/'], workers: 2, minutes: 25 },
  { name: 'crash', tests: ['test/crash/'], workers: 1, minutes: 10 },
  ...['mysql-8.4', 'mysql-8.0'].map(release),
]

function release(name: string): TestGroup {
  const image = 'image' in RELEASES[name]!.from
  return {
    name,
    tests: MYSQL_TESTS,
    workers: 2,
    minutes: 20,
    env: { [RELEASE_VARIABLE]: name },
    ...(image && { problem: dockerProblem }),
  }
}
