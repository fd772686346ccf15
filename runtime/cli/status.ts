import { sleep } from '../abort.ts'
import { createLogger } from '../logger.ts'
import type { PipelineStatus } from '../status.ts'
import { findProcess } from './client.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { renderStatus } from './render-status.ts'
import { stoppedStatus } from './stopped-status.ts'

const WATCH_MS = 1000
/** Clears the screen and goes to its top. */
const CLEAR = '\u001b[2J\u001b[H'

/** Shows state, phase, progress and lag, from the running process or else from the logs. */
export async function status(context: Context, options: { watch?: boolean }): Promise<number> {
  const { io, json, signal } = context
  if (options.watch !== true) {
    show(context, await readStatus(context))
    return EXIT.fine
  }
  while (!signal.aborted) {
    const current = await readStatus(context)
    if (!json && io.out.isTTY === true) io.out.write(CLEAR)
    show(context, current)
    await sleep(WATCH_MS, signal).catch(() => {})
  }
  return EXIT.fine
}

function show({ io, json }: Context, current: PipelineStatus): void {
  if (json) printJson(io, current)
  else print(io, renderStatus(io.out, current))
}

async function readStatus(context: Context): Promise<PipelineStatus> {
  const { client, config } = await findProcess(context)
  if (client !== undefined) return (await (await client.ask('/status')).json()) as PipelineStatus
  return stoppedStatus(config!, createLogger('warn'))
}
