import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { type CacheChoice, chooseCache } from '../../runtime/demo/cache-server.ts'
import { redisProgram } from '../support/cached-redis.ts'
import { type RedisOptions, startRedis } from '../support/redis.ts'
import { describeRedis } from '../support/redis-suite.ts'

/** Asks on a machine with the programs in `path`; what it started is ended with `stack`. */
async function choose(port: number, path: string, stack: AsyncDisposableStack): Promise<CacheChoice> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-demo-cache-'))
  stack.defer(() => rm(folder, { recursive: true }))
  const address = { host: '127.0.0.1', port }
  const signal = new AbortController().signal
  return chooseCache({ address, path, folder, prefix: 'demo_test', signal }, server => stack.use(server))
}

/** A folder with a `redis-server`, as PATH names it. */
async function programs(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-demo-path-'))
  stack.defer(() => rm(folder, { recursive: true }))
  const words = (await redisProgram()).map(word => `'${word}'`).join(' ')
  await writeFile(join(folder, 'redis-server'), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 })
  return folder
}

await describeRedis("the demo's cache", () => {
  it('is the Redis that runs here, in which looking leaves no trace', async () => {
    await using stack = new AsyncDisposableStack()
    const redis = stack.use(await startRedis())
    const { server, note } = await choose(redis.port, '', stack)
    expect(server).toMatchObject({ port: redis.port, isShared: true, version: expect.stringMatching(/^\w+ \d+\.\d+/) })
    expect(note).toBeUndefined()
    expect(await redis.command(['DBSIZE'])).toBe(0)
  })

  it('is a Redis of its own where none runs', async () => {
    await using stack = new AsyncDisposableStack()
    const { server, note } = await choose(1, await programs(stack), stack)
    expect(server).toMatchObject({ host: '127.0.0.1', isShared: false })
    expect(note).toBeUndefined()
  })

  it('is none where no program is to be found', async () => {
    await using stack = new AsyncDisposableStack()
    const choice = await choose(1, '', stack)
    expect(choice).toEqual({ server: undefined, note: 'no Redis answers or is installed (apt or brew install redis)' })
  })

  const unfit: [why: string, settings: RedisOptions['settings'], commands: string[][]][] = [
    ['asks for a password', {}, [['CONFIG', 'SET', 'requirepass', 'secret']]],
    ['is part of a cluster', { 'cluster-enabled': 'yes' }, []],
    ['is a replica', { replicaof: '127.0.0.1 1' }, []],
    ['drops keys when its memory is full', { maxmemory: '1gb', 'maxmemory-policy': 'allkeys-lru' }, []],
    ['has little memory left', { maxmemory: '100mb' }, []],
    ['does not permit it', {}, [['ACL', 'SETUSER', 'default', '-scan']]],
  ]
  it.each(unfit)('is not a Redis that %s', async (why, settings = {}, commands) => {
    await using stack = new AsyncDisposableStack()
    const redis = stack.use(await startRedis({ settings }))
    for (const command of commands) await redis.command(command)
    const place = `Redis at 127.0.0.1:${redis.port}`
    const none = await choose(redis.port, '', stack)
    expect(none).toEqual({ server: undefined, note: `${place} ${why} (apt or brew install redis)` })
    const own = await choose(redis.port, await programs(stack), stack)
    expect(own).toMatchObject({ server: { isShared: false }, note: `${place} ${why}` })
  })

  it.each<[what: string, note: RegExp, answer: (socket: Socket) => void]>([
    ['speaks otherwise', /^what listens at .* is no Redis/, socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['is silent', /does not answer/, () => {}],
  ])('is not what listens there and %s', async (_, note, answer) => {
    await using stack = new AsyncDisposableStack()
    const sockets: Socket[] = []
    const other: Server = createServer(socket => {
      sockets.push(socket)
      answer(socket)
    })
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    stack.defer(() => {
      for (const socket of sockets) socket.destroy()
      other.close()
    })
    const { server, note: found } = await choose((other.address() as { port: number }).port, '', stack)
    expect(server).toBeUndefined()
    expect(found).toMatch(note)
  })
})
