import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import type { Sink, SinkContext, Target } from '../runtime/contract.ts'
import { Names, nameTemplate } from '../runtime/naming.ts'
import { defineSink } from '../runtime/plugin.ts'
import { sizeOption } from '../runtime/quantity.ts'
import { shownInJson } from '../runtime/record/text.ts'
import { checkWritable } from '../runtime/writable.ts'
import { FOLDER_NAMES } from './common/folder-names.ts'
import { ChangesSink } from './jsonl/changes-sink.ts'
import { CursorFile } from './jsonl/cursor-file.ts'
import { purge } from './jsonl/purge.ts'
import { removeAll } from './jsonl/remove.ts'
import type { JsonlOptions } from './jsonl/sink.ts'
import { StateSink } from './jsonl/state-sink.ts'

const config = z.strictObject({
  path: z.string().min(1).describe('Folder for the files; relative to this file.'),
  mode: z
    .enum(['changes', 'state'])
    .default('changes')
    .describe('changes: a line for every change, for ever. state: the current rows, the last line of a key wins.'),
  name: nameTemplate('{schema}.{table}').describe('Folder of a table below path.'),
  fileBytes: sizeOption().prefault('64MB').describe('A table goes on in a new file from this size.'),
})
type Config = z.infer<typeof config>

/**
 * JSON lines in a folder per table: `{schema}.{table}/00000001.jsonl`. What `write` was given is on disk when it
 * resolves; after a crash the files hold whole batches, each line once.
 */
export default defineSink<Config>({
  type: 'jsonl',
  host: 'worker',
  config,
  shown: (_, table) => table.columns.map(shownInJson),
  reads: ({ mode }) => (mode === 'changes' ? 'history' : 'state'),
  open: async (options, context) => open(options, context),
  check: async ({ path }) => [await checkWritable(resolve(path))],
  destroy: async ({ path }, context) => removeAll(resolve(path), context),
  purge: async (options, context, what, signal) => purge(resolve(options.path), options, context, what, signal),
})

async function open(options: Config, context: SinkContext): Promise<Target> {
  const path = resolve(options.path)
  await mkdir(path, { recursive: true, mode: 0o700 })
  const names = new Names(options.name, context.pipeline, FOLDER_NAMES)
  const sinks: Sink[] = []
  return {
    async sink(source) {
      const sinkOptions: JsonlOptions = { path, fileBytes: options.fileBytes, names, context, source }
      const cursorFile = await CursorFile.open(path, context, source)
      const sink = new (options.mode === 'state' ? StateSink : ChangesSink)(sinkOptions, cursorFile)
      sinks.push(sink)
      await sink.prepare()
      return sink
    },
    async [Symbol.asyncDispose]() {
      for (const sink of sinks) await sink[Symbol.asyncDispose]()
    },
  }
}
