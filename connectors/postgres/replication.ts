import type { Socket } from 'node:net'
import pg from 'pg'
import { sessionSql } from '../../runtime/postgres-client.ts'
import type { PostgresConfig } from './config.ts'
import { clientOptions, postgresError } from './connection.ts'

/**
 * A connection that takes replication commands beside SQL, with the session's settings. The caller ends it; `signal`
 * only ends the attempt. Throws as postgresError says.
 */
export async function connectReplication(
  config: PostgresConfig,
  name: string,
  signal: AbortSignal,
  socket?: Socket,
): Promise<pg.Client> {
  signal.throwIfAborted()
  const options: pg.ClientConfig & { replication: string } = {
    ...clientOptions(config),
    ...(socket === undefined ? {} : { stream: () => socket }),
    application_name: name,
    replication: 'database',
  }
  const client = new pg.Client(options)
  const destroy = (): void => void client.connection.stream.destroy()
  // Without a listener a server that goes away would end the process; the query that follows rejects.
  client.on('error', () => {})
  signal.addEventListener('abort', destroy, { once: true })
  try {
    await client.connect()
    await client.query(sessionSql)
    return client
  } catch (error) {
    destroy()
    signal.throwIfAborted()
    throw postgresError(error, config)
  } finally {
    signal.removeEventListener('abort', destroy)
  }
}

/** Ends a connection without waiting for a server that no longer answers. */
export function endConnection(client: pg.Client): void {
  client.connection.end()
  const socket = client.connection.stream as Socket
  socket.destroySoon()
}
