import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { type HttpServer, listen } from '../../../runtime/http/server.ts'
import type { PipelineConfig } from '../../../runtime/pipeline-config.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { FakePipeline } from '../../support/fake-pipeline.ts'
import { column, table, transaction, tuple } from '../../support/records.ts'

const CONFIG = { sources: [] } as unknown as PipelineConfig
const LINES = table('order lines', {
  id: 7,
  name: 'app.public."order lines"',
  columns: [column('order', 'int64'), column('line', 'int64'), column('text')],
  key: [0, 1],
})

let pipeline: FakePipeline
let server: HttpServer

beforeEach(async () => {
  pipeline = new FakePipeline()
  server = await listen({ host: '127.0.0.1', port: 0, token: undefined }, pino({ level: 'silent' }))
  server.serve(pipeline, CONFIG)
  const writer = new BatchWriter()
  writer.announce(LINES)
  const batch = transaction(writer, '0/9', w => {
    w.row('c', LINES, tuple('9007199254740993', '1', 'first'))
    w.row('u', LINES, tuple('9007199254740993', '1', 'second'))
    w.row('c', LINES, tuple('3', '1', 'gone'))
    w.row('u', LINES, tuple('4', '1', undefined))
    w.delete(LINES, tuple('3', '1', null), false)
  })
  await pipeline.appLog.append(batch)
})
afterEach(() => server[Symbol.asyncDispose]())

const ask = async (path: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${server.url}/tables/${path}`)
  return { status: response.status, text: await response.text() }
}
const NAME = encodeURIComponent(LINES.name)

describe('a row by its key', () => {
  it('is the newest, with every digit', async () => {
    const { status, text } = await ask(`${NAME}/row?line=1&order=9007199254740993`)
    expect(status).toBe(200)
    expect(text).toContain('"row":{"order":9007199254740993,"line":1,"text":"second"}')
    expect(JSON.parse(text)).toMatchObject({ table: LINES.name, complete: true, version: expect.any(String) })
  })

  it('says when columns are missing', async () => {
    const { text } = await ask(`${NAME}/row?order=4&line=1`)
    expect(JSON.parse(text)).toMatchObject({ complete: false, row: { order: 4, line: 1 } })
  })

  it.each([
    ['a deleted row', `${NAME}/row?order=3&line=1`, 404, 'ROW_MISSING'],
    ['a key never seen', `${NAME}/row?order=5&line=1`, 404, 'ROW_MISSING'],
    ['a table that is not there', 'app.public.nothing/row?id=1', 404, 'UNKNOWN_TABLE'],
    ['a part of the key', `${NAME}/row?order=3`, 400, 'REQUEST_INVALID'],
    ['a column twice', `${NAME}/row?order=3&order=3`, 400, 'REQUEST_INVALID'],
    ['a column beside the key', `${NAME}/row?order=3&line=1&text=x`, 400, 'REQUEST_INVALID'],
    ['a name that is not encoded', '%E0%A4/row?order=3&line=1', 400, 'REQUEST_INVALID'],
  ])('answers %s by its code', async (_, path, status, code) => {
    const answer = await ask(path)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code } })
  })
})
