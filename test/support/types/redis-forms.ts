import redis from '../../../sinks/redis.ts'
import type { RedisServer } from '../redis.ts'
import { context, fill } from './fill-sink.ts'
import { type Forms, jsonForm, type TypedLog } from './sink-forms.ts'

/** What GET, or HGET, answers. Each form needs a database of its own. */
export async function redisForms(
  server: RedisServer,
  database: number,
  value: 'json' | 'hash',
  log: TypedLog,
): Promise<Forms> {
  const options = redis.config.parse({ url: server.url(database), value })
  const filled = await fill(await redis.open(options, context), log)
  const forms = []
  for (const { row, column } of log.places) {
    const key = `public.types:${row}`
    const command = value === 'json' ? ['GET', key] : ['HGET', key, `c${column}`]
    const text = (await server.text(command, database))!
    forms.push(value === 'json' ? jsonForm(text, column) : { type: 'hash', text })
  }
  return { ...filled, forms }
}
