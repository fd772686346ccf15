import { z } from 'zod'
import { defineLog } from '../plugin.ts'
import { OrderedMemoryLog } from './memory/ordered.ts'
import { PartitionedMemoryLog } from './memory/partitioned.ts'

const config = z.strictObject({
  /** `ordered`: as the embedded log. `partitioned`: three partitions a table, order per key only, as Kafka. */
  mode: z.enum(['ordered', 'partitioned']).default('ordered'),
})

/** A log that ends with its process: nothing in it is durable. For tests and demonstrations. */
export default defineLog<z.infer<typeof config>>({
  type: 'memory',
  config,
  open: async ({ mode }) => (mode === 'ordered' ? new OrderedMemoryLog() : new PartitionedMemoryLog()),
})
