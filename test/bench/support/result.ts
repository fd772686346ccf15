export interface BenchResult {
  /** Yardstick -> how many times faster we are; null if the yardstick could not run here. */
  readonly ratios: Readonly<Record<string, number | null>>
  /** What was measured, with its unit in the name. */
  readonly medians: Readonly<Record<string, number | string | null>>
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Median of the ratios of rounds that ran next to each other; null if one side did not run. */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): number | null {
  if (ours.length === 0 || ours.length !== theirs.length) return null
  return median(ours.map((value, i) => value / theirs[i]!))
}

/** Progress lines go to standard error: `--json` prints one line and nothing else. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
