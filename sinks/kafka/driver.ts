import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { driverError } from '../common/driver-error.ts'

export type Api = typeof import('kafkajs')

/** As the protocol numbers them, for kafkajs. */
export const COMPRESSION = { none: 0, gzip: 1, zstd: 4 } as const
export type Compression = keyof typeof COMPRESSION

/** Loads the client, which is installed only where it is used, and gives it Node's zstd. Throws SINK_DRIVER. */
export async function loadDriver(): Promise<Api> {
  try {
    const { default: api } = await import('kafkajs')
    api.CompressionCodecs[api.CompressionTypes.ZSTD] = () => ({
      compress: ({ buffer }: { buffer: Buffer }) => promisify(zstdCompress)(buffer),
      decompress: (bytes: Buffer) => promisify(zstdDecompress)(bytes),
    })
    return api
  } catch (cause) {
    throw driverError('The Kafka client', 'kafkajs', cause)
  }
}
