import { sleep } from '../abort.ts'
import { TailraceError } from '../errors.ts'
import type { PipelineStatus, RebuildStatus } from '../status.ts'
import { type Client, needProcess } from './client.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { RedrawnLines } from './redrawn-lines.ts'
import { rebuildText } from './render-status.ts'
import { cutToWidth } from './terminal.ts'

export interface RebuildVerbOptions {
  readonly verify?: boolean
  readonly rollback?: boolean
  readonly detach?: boolean
}

const LOOK_MS = 300

/**
 * Builds a sink anew beside what it holds, swaps, and waits until that has ended. Once it was accepted it goes on without
 * this verb, over restarts too. Throws NOT_RUNNING, UNKNOWN_SINK, SINK_GENERATIONS, NO_GENERATION, GENERATION_SHAPE, REBUILD_BUSY and the
 * error of a rebuilding that fails.
 */
export async function rebuild(context: Context, sink: string, options: RebuildVerbOptions): Promise<number> {
  const { verify = false, rollback = false, detach = false } = options
  const { io, json } = context
  const client = await needProcess(context)
  await client.ask(`/sinks/${encodeURIComponent(sink)}/backfill`, {
    method: 'POST',
    body: JSON.stringify({ verify, rollback }),
  })
  if (!detach) await untilEnded(client, context, sink)
  const word = rollback ? 'rollback' : 'backfill'
  if (json) printJson(io, { [word]: { sink, done: !detach } })
  else if (detach) print(io, `sink ${sink}: begun; tailrace status says how far it is`)
  else print(io, `sink ${sink}: ${rollback ? 'back at what it held before' : 'built anew'}. ${KEPT}`)
  return EXIT.fine
}

const KEPT = 'What it held until now is kept: tailrace backfill --sink NAME --rollback.'

async function untilEnded(client: Client, { io, json, signal }: Context, sink: string): Promise<void> {
  const lines = new RedrawnLines(io, json)
  for (;;) {
    const response = await client.ask('/status', { signal })
    const rebuild = ((await response.json()) as PipelineStatus).sinks[sink]?.rebuild ?? null
    if (lines.isPossible)
      lines.draw(rebuild === null ? [] : [cutToWidth(io.err, `sink ${sink}  ${rebuildText(rebuild)}`)])
    if (rebuild === null) return
    if (rebuild.state === 'failed') throw failure(rebuild)
    await sleep(LOOK_MS, signal)
  }
}

function failure({ error }: RebuildStatus): TailraceError {
  const { code, message, hint } = error!
  return new TailraceError(code, 'stop', message, hint === null ? {} : { hint })
}
