import { postgresUrls } from '../../runtime/postgres-client.ts'
import { type ServerAddress, serverAddress } from '../../runtime/server-address.ts'

/** Throws CONFIG_URL. */
export function addressOf(url: string): ServerAddress {
  return serverAddress(url, postgresUrls('postgres sink'))
}
