import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { TailraceError } from '../../runtime/errors.ts'
import { registerSecret } from '../../runtime/logger.ts'
import { driverError } from '../common/driver-error.ts'
import { bucketError, statusOf } from './bucket-errors.ts'
import { MANIFEST } from './manifest.ts'
import type { Noted, Place } from './place.ts'

type Api = typeof import('@aws-sdk/client-s3')

export interface BucketOptions {
  /** s3://bucket/prefix */
  readonly url: string
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly accessKeyId?: string | undefined
  readonly secretAccessKey?: string | undefined
  readonly sessionToken?: string | undefined
  readonly pathStyle?: boolean | undefined
  readonly caFile?: string | undefined
}

const CONNECT_MS = 10_000
/** Without a byte for so long, the server does not answer. */
const SILENCE_MS = 60_000
const REMOVED_AT_ONCE = 8

/**
 * Objects of a bucket of S3, or of a server that speaks like it. An object appears whole or not at all. The tag of the
 * manifest is its ETag, and it is replaced on the condition of that (If-Match, If-None-Match), so that of two writers one
 * is told. Nothing is tried twice here.
 */
export class BucketPlace implements Place {
  readonly name: string
  readonly #api: Api
  readonly #client: S3Client
  readonly #bucket: string
  /** With a slash at its end, or empty. */
  readonly #prefix: string

  private constructor(api: Api, client: S3Client, name: string, bucket: string, prefix: string) {
    this.#api = api
    this.#client = client
    this.name = name
    this.#bucket = bucket
    this.#prefix = prefix
  }

  /** Makes the keys known to the logger. Throws SINK_DRIVER, TARGET_UNREADABLE. */
  static async open(options: BucketOptions): Promise<BucketPlace> {
    const { accessKeyId, secretAccessKey, sessionToken } = options
    for (const secret of [secretAccessKey, sessionToken]) if (secret !== undefined) registerSecret(secret)
    const api = await loadApi()
    const { endpoint, region = endpoint === undefined ? undefined : 'us-east-1', caFile } = options
    const { host, pathname } = new URL(options.url)
    const prefix = decodeURIComponent(pathname).replace(/^\/+|\/+$/g, '')
    const ca = caFile === undefined ? undefined : await certificate(caFile)
    const isOwn = accessKeyId !== undefined && secretAccessKey !== undefined
    const client = new api.S3Client({
      ...(region !== undefined && { region }),
      ...(endpoint !== undefined && { endpoint }),
      ...(isOwn && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      }),
      forcePathStyle: options.pathStyle ?? endpoint !== undefined,
      // The supervisor alone tries again.
      maxAttempts: 1,
      // Files go with their MD5, which servers other than Amazon's know too.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: CONNECT_MS,
        socketTimeout: SILENCE_MS,
        ...(ca !== undefined && { httpsAgent: { ca } }),
      },
    })
    const where = endpoint === undefined ? '' : ` at ${new URL(endpoint).host}`
    return new BucketPlace(api, client, `s3://${host}/${prefix}${where}`, host, prefix === '' ? '' : `${prefix}/`)
  }

  async read(signal: AbortSignal): Promise<Noted | undefined> {
    return this.#work(signal, async () => {
      try {
        const command = new this.#api.GetObjectCommand(this.#object(MANIFEST))
        const { Body, ETag } = await this.#client.send(command, { abortSignal: signal })
        return { text: await Body!.transformToString('utf8'), tag: ETag! }
      } catch (error) {
        if ((error as Error).name === 'NoSuchKey') return undefined
        throw error
      }
    })
  }

  /** A server that knows no conditions is asked before, which leaves a moment in between. */
  async replace(text: string, tag: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    if ((await this.read(signal))?.tag !== tag) return undefined
    return this.#work(signal, async () => {
      const object = { ...this.#object(MANIFEST), Body: text, ContentType: 'application/json' }
      const condition = tag === undefined ? { IfNoneMatch: '*' } : { IfMatch: tag }
      try {
        return await this.#send({ ...object, ...condition }, signal)
      } catch (error) {
        const status = statusOf(error)
        if (status === 412 || status === 409) return undefined
        if (status !== 501) throw error
        return await this.#send(object, signal)
      }
    })
  }

  async #send(
    object: ConstructorParameters<Api['PutObjectCommand']>[0],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    return (await this.#client.send(new this.#api.PutObjectCommand(object), { abortSignal: signal })).ETag
  }

  /** Read twice, and never held in memory. */
  async put(file: string, path: string, signal: AbortSignal): Promise<void> {
    const hash = createHash('md5')
    await pipeline(createReadStream(file), hash)
    const { size } = await stat(file)
    await this.#work(signal, () =>
      this.#send(
        {
          ...this.#object(path),
          Body: createReadStream(file),
          ContentLength: size,
          ContentMD5: hash.digest('base64'),
          ContentType: 'application/vnd.apache.parquet',
        },
        signal,
      ),
    )
  }

  async local(path: string, scratch: string, signal: AbortSignal): Promise<string> {
    await mkdir(dirname(scratch), { recursive: true, mode: 0o700 })
    return this.#work(signal, async () => {
      const command = new this.#api.GetObjectCommand(this.#object(path))
      const { Body } = await this.#client.send(command, { abortSignal: signal })
      await pipeline(Body as Readable, createWriteStream(scratch, { mode: 0o600 }), { signal })
      return scratch
    })
  }

  /** One by one: not every server takes a list. */
  async remove(paths: readonly string[], signal: AbortSignal): Promise<void> {
    const left = paths.values()
    const work = async (): Promise<void> => {
      for (const path of left) {
        const command = new this.#api.DeleteObjectCommand(this.#object(path))
        await this.#client.send(command, { abortSignal: signal })
      }
    }
    await this.#work(signal, () => Promise.all(Array.from({ length: REMOVED_AT_ONCE }, work)))
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<string> {
    for (let from: string | undefined; ; ) {
      const page = await this.#work(signal, () => {
        const where = { Bucket: this.#bucket, Prefix: this.#prefix + prefix }
        const command = new this.#api.ListObjectsV2Command({ ...where, ...(from && { ContinuationToken: from }) })
        return this.#client.send(command, { abortSignal: signal })
      })
      for (const { Key } of page.Contents ?? [])
        if (Key?.endsWith('.parquet') === true) yield Key.slice(this.#prefix.length)
      from = page.IsTruncated === true ? page.NextContinuationToken : undefined
      if (from === undefined) return
    }
  }

  #object(path: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + path }
  }

  async #work<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      signal.throwIfAborted()
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      throw bucketError(this.name, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }
}

/** Installed only where it is used. */
async function loadApi(): Promise<Api> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (cause) {
    throw driverError('The client of S3', '@aws-sdk/client-s3', cause)
  }
}

async function certificate(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new TailraceError('TARGET_UNREADABLE', 'stop', `The certificate in ${file} cannot be read.`, {
      cause,
      hint: 'Mend `caFile` of the sink.',
    })
  }
}
