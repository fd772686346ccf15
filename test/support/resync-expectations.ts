import { expect } from '@jest/globals'
import type { PostgresServer } from './postgres.ts'
import type { ResyncRig } from './resync-rig.ts'

export const DIFFERENCE = { changed: 100, deleted: 10, added: 10 }
const COMMAND = 'tailrace backfill --source app --resnapshot'
const TIMEOUT_MS = 60_000

export function failedWith(code: string): unknown {
  return { code, message: expect.any(String), hint: expect.stringContaining(COMMAND) }
}

/** Exactly what differs is appended, the sink is never emptied and ends equal. */
export async function resyncs(rig: ResyncRig, at: PostgresServer): Promise<void> {
  const { appended, keys, missed } = await rig.resync()
  expect({ appended, keys, missed }).toEqual({ appended: { r: 110, d: 10 }, keys: 120, missed: 0 })
  await isEqual(rig, at)
}

export async function isEqual(rig: ResyncRig, at: PostgresServer): Promise<void> {
  const { source, sink } = await rig.sides(at)
  expect(sink.length).toBe(source.length)
  expect(sink).toEqual(source)
}

/** The new stream goes on, also over a restart, and knows what the server does not send again. */
export async function streams(rig: ResyncRig, at: PostgresServer): Promise<void> {
  const change = (nth: number): Promise<unknown> =>
    rig.sql(
      `UPDATE item SET name = 'streamed' WHERE id = (SELECT id FROM item WHERE note <> '' ORDER BY id OFFSET ${nth} LIMIT 1)`,
      at,
    )
  await change(0)
  await rig.pipeline.wait(undefined, AbortSignal.timeout(TIMEOUT_MS))
  await rig.stop()
  await change(1)
  await rig.start()
  expect(await rig.source()).toMatchObject({ state: 'running', phase: 'streaming', error: null })
  await isEqual(rig, at)
}
