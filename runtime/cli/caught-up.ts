import { sleep } from '../abort.ts'
import { TailraceError } from '../errors.ts'
import type { PipelineStatus, RunningPipeline } from '../status.ts'

const LOOK_MS = 500
/** How long a part may not run (a server down, a log without room, a pause) before waiting for it is given up. */
const PATIENCE_MS = 60_000

/**
 * Resolves when every sink holds what was committed before it got there. Throws the error of a part that fails, or
 * that has not been running for a minute.
 */
export async function untilCaughtUp(pipeline: RunningPipeline, signal: AbortSignal): Promise<void> {
  const done = new AbortController()
  const together = AbortSignal.any([signal, done.signal])
  const caughtUp = pipeline.caughtUp(together)
  const watching = watchParts(pipeline, together)
  try {
    await Promise.race([caughtUp, watching])
  } finally {
    done.abort(new Error('no longer waited for'))
    await Promise.allSettled([caughtUp, watching])
  }
}

async function watchParts(pipeline: RunningPipeline, signal: AbortSignal): Promise<never> {
  const idleSince = new Map<string, number>()
  for (;;) {
    for (const { name, state, error } of parts(await pipeline.status())) {
      if (state === 'running') {
        idleSince.delete(name)
        continue
      }
      const since = idleSince.get(name) ?? Date.now()
      idleSince.set(name, since)
      if (state !== 'failed' && Date.now() - since < PATIENCE_MS) continue
      throw new TailraceError(
        error?.code ?? 'NOT_CAUGHT_UP',
        'stop',
        error?.message ?? `The ${name} is ${state}, so it will not catch up.`,
        {
          hint: error?.hint ?? `While it runs: tailrace resume --${name}. Or run without --until-caught-up.`,
        },
      )
    }
    await sleep(LOOK_MS, signal)
  }
}

function parts({ sources, sinks }: PipelineStatus) {
  return [
    ...Object.entries(sources).map(([name, { state, error }]) => ({ name: `source ${name}`, state, error })),
    ...Object.entries(sinks).map(([name, { state, error }]) => ({ name: `sink ${name}`, state, error })),
  ]
}
