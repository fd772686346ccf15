import { parseArgs } from 'node:util'

export interface Dose {
  readonly rows: number
  /** Rows of a batch. */
  readonly size: number
  readonly rounds: number
}

/** `--rows`, `--batch` and `--rounds` of a benchmark of a sink; three rounds unless they say otherwise. */
export function doseOf(args: readonly string[], { rows, size }: Omit<Dose, 'rounds'>): Dose {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: String(rows) },
      batch: { type: 'string', default: String(size) },
      rounds: { type: 'string', default: '3' },
    },
  })
  return { rows: Number(values.rows), size: Number(values.batch), rounds: Number(values.rounds) }
}
