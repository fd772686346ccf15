/** The package `pg-logical-replication` as its README shows it: a service, a handler, and its own defaults. */
import { setImmediate } from 'node:timers/promises'
import {
  type LogicalReplicationConfig,
  LogicalReplicationService,
  type Pgoutput,
  PgoutputPlugin,
} from 'pg-logical-replication'

export interface PackageLife {
  readonly url: string
  readonly slot: string
  readonly publication: string
  /** Over the package's defaults. */
  readonly config?: Partial<LogicalReplicationConfig>
  /** Answers true when the process is to end; nothing reaches it any more. What it throws is the package's to handle. */
  readonly handle: (message: Pgoutput.Message) => boolean | Promise<boolean>
}

/**
 * One life of a process that reads with the package, from its start to the moment that `handle` asks for the end. What
 * the package acknowledges until then has been sent.
 */
export async function livePackage({ url, slot, publication, config, handle }: PackageLife): Promise<void> {
  const service = new LogicalReplicationService({ connectionString: url }, config)
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [publication], messages: true })
  const { promise: ended, resolve: end, reject } = Promise.withResolvers<void>()
  let isOver = false
  service.on('data', async (_, message: Pgoutput.Message) => {
    if (isOver || !(await handle(message))) return
    isOver = true
    end()
  })
  // It reports here what the handler throws, and goes on.
  service.on('error', () => {})
  service.subscribe(plugin, slot).catch(reject)
  try {
    await ended
    await setImmediate()
  } finally {
    await service.destroy()
  }
}
