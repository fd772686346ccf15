import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { errorMessage } from '../../runtime/errors.ts'
import type { Manifest } from '../../sinks/parquet/manifest.ts'
import parquet from '../../sinks/parquet.ts'
import { type Fate, FaultyProxy } from '../support/faulty-proxy.ts'
import { filesOf, queryMemory } from '../support/parquet-files.ts'
import { ParquetPlace } from '../support/parquet-place.ts'
import { gatewayProgram } from '../support/s3/gateway-program.ts'
import { KEYS, S3Server } from '../support/s3/s3-server.ts'
import { follow } from '../support/sink-driver.ts'
import { items, never } from '../support/sink-rig.ts'
import { describeIf } from '../support/skip.ts'

const missing = await gatewayProgram().then(
  () => undefined,
  error => errorMessage(error),
)

describeIf(missing === undefined, missing ?? '')('the parquet sink with a bucket', () => {
  let server: S3Server
  let proxy: FaultyProxy
  let place: ParquetPlace
  let bucket: string
  beforeAll(async () => {
    server = await S3Server.start()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(async () => {
    proxy = await FaultyProxy.to(server.url, ({ method }) => method === 'PUT')
    place = await ParquetPlace.make()
    bucket = await server.bucket()
    place.options = { url: `s3://${bucket}/some/where`, endpoint: proxy.url, ...KEYS, file: { wait: '1h' } }
  })
  afterEach(async () => {
    await place[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
  })

  const manifest = async (): Promise<Manifest> =>
    JSON.parse(Buffer.from(await server.get(bucket, 'some/where/_manifest.json')).toString()) as Manifest

  /** What the set in the bucket says, its files fetched as a reader fetches them. */
  const names = async (): Promise<unknown[]> => {
    const set = await manifest()
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-parquet-read-'))
    try {
      for (const { path } of set.tables[items.name]?.files ?? []) {
        await mkdir(dirname(join(folder, path)), { recursive: true })
        await writeFile(join(folder, path), await server.get(bucket, `some/where/${path}`))
      }
      const from = filesOf(set, folder, items.name)
      if (from === undefined) return []
      return (await queryMemory(`SELECT name FROM ${from} ORDER BY id, name`)).map(({ name }) => name)
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  it.each(['changes', 'rows'])(
    'has whole sets, goes on from them without its store, and is removed (%s)',
    async mode => {
      place.options = { ...place.options, mode, keepReplaced: '0ms' }
      await place.announce(items)
      await place.write(place.put(items, '1', 'one', null))
      await place.close()
      expect(await names()).toEqual(['one'])
      await rm(place.folder, { recursive: true })
      const sink = await place.sink()
      expect(await sink.cursor!(never)).toBe((await manifest()).sources.app!.cursor)
      await place.write(place.put(items, '2', 'two', null))
      await place.close()
      expect(await names()).toEqual(['one', 'two'])
      await server.put(bucket, 'some/where/mine.parquet', 'x')
      expect((await parquet.destroy(place.config, place.context, never)).length).toBeGreaterThan(0)
      expect(await server.keys(bucket)).toEqual(['some/where/mine.parquet'])
    },
  )

  it.each<[string, Fate]>([
    ['a request is lost on its way', 'lost'],
    ['its answer is lost, though it was applied', 'unanswered'],
    ['the server answers 500', 500],
    ['the server answers 503', 503],
  ])('%s: the next opening publishes the same set, once', async (_, fate) => {
    for (const failing of [1, 2]) {
      const batches = [
        place.log.batch(writer => writer.announce(items)),
        place.put(items, `${failing}`, `row ${failing}`, null),
      ]
      const sink = await place.sink()
      const cursor = await sink.cursor!(never)
      // The requests of a set: its file, then the manifest.
      const first = proxy.counted + 1
      proxy.fate = request => (request === first + failing - 1 ? fate : 'passes')
      for (const batch of batches) await place.write(batch)
      await place.close()
      expect((await manifest()).sources.app?.cursor === cursor || fate === 'unanswered').toBe(true)
      proxy.fate = () => 'passes'
      expect(await (await place.sink()).cursor!(never)).toBe(batches.at(-1)!.cursor)
      await place.close()
      expect(await names()).toEqual(Array.from({ length: failing }, (_, i) => `row ${i + 1}`))
      const { tables, sources } = await manifest()
      expect(sources.app!.cursor).toBe(batches.at(-1)!.cursor)
      const listed = tables[items.name]!.files.map(({ path }) => `some/where/${path}`)
      expect(await server.keys(bucket)).toEqual(['some/where/_manifest.json', ...listed].sort())
    }
  })

  it('a set that fails ends the next write, and what was written is not lost', async () => {
    place.options = { ...place.options, file: { rows: 1, wait: '1h' } }
    await place.announce(items)
    proxy.fate = () => 503
    await place.write(place.put(items, '1', 'one', null))
    const more = place.put(items, '2', 'two', null)
    await expect((await place.sink()).write(more, never)).rejects.toMatchObject({
      code: 'SINK_UNREACHABLE',
      recovery: 'retry',
    })
    await place.close()
    proxy.fate = () => 'passes'
    await place.write(more)
    await place.close()
    expect(await names()).toEqual(['one', 'two'])
  })

  it('a server that is killed while sets are made has whole ones, and all of them in the end', async () => {
    place.options = { ...place.options, file: { rows: 5, wait: '1h' } }
    const batches = [place.log.batch(writer => writer.announce(items))]
    for (let i = 0; i < 40; i++) batches.push(place.put(items, `${i + 10}`, `row ${i + 10}`, null))
    for (let round = 0; round < 3; round++) {
      const half = batches.slice(0, (round + 1) * 10)
      let written = 0
      await follow(
        await place.sink(),
        half,
        () => {
          if (++written === 6) void server.kill()
        },
        'history',
      ).catch(error => expect(error).toMatchObject({ code: 'SINK_UNREACHABLE' }))
      await place.close()
      await server.kill()
      await server.start()
      const seen = await names()
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => `row ${i + 10}`))
    }
    await follow(await place.sink(), batches, undefined, 'history')
    await place.close()
    expect(await names()).toEqual(Array.from({ length: 40 }, (_, i) => `row ${i + 10}`))
  })

  it('of two writers, the one that was there before is told', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'one', null))
    const other = await ParquetPlace.make()
    try {
      other.options = place.options
      await other.sink()
      await place.close()
      expect((await manifest()).epoch).toBe(2)
      expect(await names()).toEqual([])
      await expect(place.sink()).resolves.toBeDefined()
    } finally {
      await other[Symbol.asyncDispose]()
    }
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['a bucket that is not there', { url: 's3://no-such-bucket/x' }, 'SINK_BUCKET'],
    ['a wrong secret', { secretAccessKey: 'wrong' }, 'SINK_AUTH'],
    ['an unknown key', { accessKeyId: 'nobody' }, 'SINK_AUTH'],
  ])('%s stops the sink, and check says so', async (_, options, code) => {
    place.options = { ...place.options, ...options }
    await expect(place.sink()).rejects.toMatchObject({ code, recovery: 'stop' })
    const findings = await parquet.check!(place.config, place.context, never)
    expect(findings.at(-1)).toMatchObject({ level: 'error', code })
    expect(JSON.stringify(findings)).not.toContain(KEYS.secretAccessKey)
  })

  it('check finds a bucket that answers', async () => {
    expect(await parquet.check!(place.config, place.context, never)).toEqual([
      expect.objectContaining({ level: 'ok', code: 'TARGET_WRITABLE' }),
      expect.objectContaining({ level: 'ok', code: 'TARGET_REACHED' }),
    ])
  })
})
