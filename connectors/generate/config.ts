import { z } from 'zod'
import { sizeOption } from '../../runtime/quantity.ts'

export const generateConfig = z.strictObject({
  /** Same seed and sizes, same data. */
  seed: z.int().min(0).max(0xffff_ffff).default(1),
  tables: z.int().min(1).max(10_000).default(1),
  /** Rows of each table that the first load reads. */
  rows: z.int().min(0).default(10_000),
  /** Changes a second, or `max`: as fast as the log takes them. */
  rate: z.union([z.literal('max'), z.number().positive()]).default(1000),
  /** Changes after the first load, truncates not counted; endless without. */
  changes: z.int().min(0).optional(),
  /** Tables keep their size: most changes are updates. Else they grow by half of the changes. */
  steady: z.boolean().default(false),
  /** Every 50th change begins a primary-key change. */
  keyChanges: z.boolean().default(false),
  /** Each table is truncated every 5,000 changes. */
  truncates: z.boolean().default(false),
  /** A batch is handed over from this size on, also inside a transaction. */
  batchBytes: sizeOption().prefault('256KB'),
})
export type GenerateConfig = z.infer<typeof generateConfig>
