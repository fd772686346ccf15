/** A Redis or Valkey server's program: the machine's own, else Debian's package, fetched at first use. */
import { installedRedis, type RedisProgram } from '../../runtime/demo/redis-process.ts'
import { debianPackages, debianProgram } from './debian-package.ts'

let found: Promise<RedisProgram> | undefined

/** Rejects, saying why, if there is none and none can be fetched. */
export function redisProgram(): Promise<RedisProgram> {
  found ??= installedRedis(process.env.PATH ?? '').then(program => program ?? fetched())
  return found
}

async function fetched(): Promise<RedisProgram> {
  const home = await debianPackages({ name: 'redis', packages: ['redis-server'] })
  // One program with several names: which it is, it learns from its own.
  return await debianProgram(home, 'usr/bin/redis-check-rdb', 'redis-server')
}
