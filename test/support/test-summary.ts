/** What came of a part of `npm test`, and the sum of all parts as text. */
import { relative } from 'node:path'
import { skipReason } from './skip-mark.ts'

export interface Outcome {
  readonly passed: number
  /** What to show of each. */
  readonly failed: readonly string[]
  readonly skipped: readonly string[]
  readonly files: readonly { readonly name: string; readonly seconds: number }[]
}

/** The part of jest's --json that is read here. */
export interface JestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly startTime: number
    readonly endTime: number
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

/** A file that could not run counts as one failed test. */
export function readJestReport(report: JestReport, root: string): Outcome {
  let passed = 0
  const failed: string[] = []
  const skipped: string[] = []
  const files: { name: string; seconds: number }[] = []
  for (const file of report.testResults) {
    const name = relative(root, file.name)
    files.push({ name, seconds: (file.endTime - file.startTime) / 1000 })
    const failedBefore = failed.length
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed++
      else if (test.status === 'failed') failed.push(`${name}: ${test.fullName}`)
      else {
        const skip = skipReason(test.fullName)
        if (skip.reason === undefined) failed.push(`${name}: ${test.fullName} (${test.status}, and no reason given)`)
        else skipped.push(`${name}: ${skip.name}: ${skip.reason}`)
      }
    }
    if (file.status === 'failed' && failed.length === failedBefore) failed.push(`${name}: did not run`)
  }
  return { passed, failed, skipped, files }
}

/** The last line is `N passed, N failed`, with `, N skipped` if there are any. */
export function summary(outcomes: readonly Outcome[]): { lines: readonly string[]; failed: number } {
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0)
  const failed = outcomes.flatMap(outcome => outcome.failed)
  const skipped = outcomes.flatMap(outcome => outcome.skipped)
  const slowest = outcomes.flatMap(outcome => outcome.files).toSorted((a, b) => b.seconds - a.seconds)
  const lines = slowest.slice(0, 5).map(file => `slow: ${file.seconds.toFixed(1)} s ${file.name}`)
  for (const test of skipped) lines.push(`skipped: ${test}`)
  for (const test of failed) lines.push(`failed: ${test}`)
  const tail = skipped.length === 0 ? '' : `, ${skipped.length} skipped`
  lines.push(`${passed} passed, ${failed.length} failed${tail}`)
  return { lines, failed: failed.length }
}
