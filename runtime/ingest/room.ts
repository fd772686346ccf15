import type { SourceLog } from '../contract.ts'
import type { Work } from '../supervisor.ts'

const LOOK_MS = 100

/** Aborts with the work; from its drain on also where the log has no room, since that may stay so for ever. */
export function untilNoRoom(log: SourceLog, { signal, drain }: Work): { readonly signal: AbortSignal } & Disposable {
  const noRoom = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const look = async (): Promise<void> => {
    if ((await log.stats()).full) noRoom.abort(drain.reason)
  }
  const watch = (): void => {
    timer = setInterval(() => look().catch(error => noRoom.abort(error)), LOOK_MS)
  }
  if (drain.aborted) watch()
  else drain.addEventListener('abort', watch, { once: true })
  return {
    signal: AbortSignal.any([signal, noRoom.signal]),
    [Symbol.dispose]() {
      drain.removeEventListener('abort', watch)
      clearInterval(timer)
    },
  }
}
