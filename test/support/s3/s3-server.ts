import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { freePort } from '../../../runtime/demo/free-port.ts'
import { ServerFolder } from '../server-folder.ts'
import { until } from '../until.ts'
import { gatewayProgram } from './gateway-program.ts'

export const KEYS = { accessKeyId: 'tailrace', secretAccessKey: 'a-secret-of-the-tests' }

/** A server of S3 on its own port, with its objects in a folder; both are gone with it. */
export class S3Server implements AsyncDisposable {
  readonly url: string
  readonly #folder: ServerFolder
  readonly #program: string
  readonly #port: number
  readonly #client: S3Client
  #process: ChildProcess | undefined
  #buckets = 0

  private constructor(folder: ServerFolder, program: string, port: number) {
    this.#folder = folder
    this.#program = program
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
    this.#client = new S3Client({
      endpoint: this.url,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { ...KEYS },
    })
  }

  static async start(): Promise<S3Server> {
    const home = await gatewayProgram()
    return await ServerFolder.with('tailrace-s3-', async folder => {
      const server = new S3Server(folder, join(await folder.reach(home), 'versitygw'), await freePort())
      const objects = join(folder.path, 'objects')
      await mkdir(objects)
      await folder.own(objects)
      await server.start()
      return server
    })
  }

  /** Returns once it answers, with what it had before. */
  async start(): Promise<void> {
    const env = { ROOT_ACCESS_KEY: KEYS.accessKeyId, ROOT_SECRET_KEY: KEYS.secretAccessKey }
    const args = ['--port', `127.0.0.1:${this.#port}`, 'posix', join(this.#folder.path, 'objects')]
    this.#process = await this.#folder.start([this.#program], args, { env })
    await until(() => this.#answers(), 'the server of S3 answers')
  }

  async #answers(): Promise<boolean> {
    return await fetch(this.url).then(
      () => true,
      () => false,
    )
  }

  async kill(): Promise<void> {
    const running = this.#process
    if (running === undefined) return
    this.#process = undefined
    running.kill('SIGKILL')
    if (running.exitCode === null && running.signalCode === null) await once(running, 'exit')
  }

  /** A bucket of its own; answers its name. */
  async bucket(): Promise<string> {
    const Bucket = `lake-${++this.#buckets}`
    await this.#client.send(new CreateBucketCommand({ Bucket }))
    return Bucket
  }

  async keys(Bucket: string): Promise<string[]> {
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket }))
    return Contents.map(({ Key }) => Key!).sort()
  }

  async get(Bucket: string, Key: string): Promise<Uint8Array> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket, Key }))
    return await Body!.transformToByteArray()
  }

  async put(Bucket: string, Key: string, Body: string): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket, Key, Body }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
    await this.kill()
    await this.#folder[Symbol.asyncDispose]()
  }
}
