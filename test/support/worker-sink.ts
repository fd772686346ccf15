import { z } from 'zod'
import type { LogBatch, SinkRow } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { defineSink } from '../../runtime/plugin.ts'

/** A sink for tests of the thread it runs in: tells what it was given, works synchronously, fails and dies on demand. */
export default defineSink<{ greeting: string }>({
  type: 'worker-sink',
  config: z.strictObject({ greeting: z.string() }),
  host: 'worker',
  destroy: async () => [],
  async sink({ greeting }, context) {
    const seen: string[] = []
    const rowOf = (text: string): SinkRow => ({ key: Buffer.from(text), cells: new Map([['text', text]]) })
    return {
      async write(batch: LogBatch, signal, skip) {
        const before = seen.length
        let index = 0
        for (const change of batch) {
          if (skip?.has(index++)) continue
          const text = change.kind === 's' ? change.table.name : (change.text(1) ?? '')
          if (text === 'die') process.exit(3)
          if (text === 'block') blockFor(300)
          if (text === 'wait') await abortOf(signal)
          if (text === 'fail')
            throw new TailraceError('TEST_FAILED', 'resnapshot', `after ${seen.length - before}`, {
              hint: 'a hint',
              cause: new Error('the cause'),
            })
          if (text === 'log') context.logger.warn({ sink: context.name }, greeting)
          seen.push(
            `${change.kind} ${change.table.name} ${text} ${change.transaction} ${change.version} ${change.cursor}`,
          )
        }
        return { rejected: [{ index: batch.count, reason: greeting }] }
      },
      async get(table, keys) {
        const cells = new Map([
          ['table', table.name],
          ['asked', String(keys.length)],
        ])
        return keys.map((key, i) => (i === 0 ? { key, cells } : undefined))
      },
      async *rows(_, signal) {
        for (const text of seen) {
          if (text.includes(' forever ')) await abortOf(signal)
          yield [rowOf(text)]
        }
      },
      async [Symbol.asyncDispose]() {},
    }
  },
})

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

/** Blocks the thread as a synchronous database would. */
function blockFor(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
