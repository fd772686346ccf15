import type { RunningPipeline } from '../status.ts'
import { answerJson, answerText } from './answer.ts'
import { backfillSource } from './backfill.ts'
import { changes } from './changes.ts'
import { compact } from './compact.ts'
import type { Exchange } from './exchange.ts'
import { forget } from './forget.ts'
import openapi from './openapi.json' with { type: 'json' }
import { dropQuarantine, listQuarantine, retryQuarantine } from './quarantine.ts'
import { rebuildSink } from './rebuild.ts'
import { replaySink } from './replay.ts'
import { row } from './row.ts'
import { health, metrics, ready, status, tables } from './status.ts'
import { verify } from './verify.ts'
import { wait } from './wait.ts'

export interface Route {
  readonly method: 'GET' | 'POST'
  /** As in openapi.json; `{...}` is one part. */
  readonly path: string
  readonly handle: (exchange: Exchange) => Promise<void> | void
}

export const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/status', handle: status },
  { method: 'GET', path: '/healthz', handle: health },
  { method: 'GET', path: '/readyz', handle: ready },
  { method: 'GET', path: '/metrics', handle: metrics },
  { method: 'GET', path: '/wait', handle: wait },
  { method: 'GET', path: '/changes', handle: changes },
  { method: 'GET', path: '/tables', handle: tables },
  { method: 'GET', path: '/tables/{table}/row', handle: row },
  { method: 'POST', path: '/tables/{table}/forget', handle: forget },
  { method: 'GET', path: '/openapi.json', handle: describe },
  { method: 'POST', path: '/sources/{name}/pause', handle: act(pipeline => pipeline.pause, 'source') },
  { method: 'POST', path: '/sources/{name}/resume', handle: act(pipeline => pipeline.resume, 'source') },
  { method: 'POST', path: '/sources/{name}/backfill', handle: backfillSource },
  { method: 'POST', path: '/sources/{name}/compact', handle: compact },
  { method: 'POST', path: '/sinks/{name}/pause', handle: act(pipeline => pipeline.pause, 'sink') },
  { method: 'POST', path: '/sinks/{name}/resume', handle: act(pipeline => pipeline.resume, 'sink') },
  { method: 'POST', path: '/sinks/{name}/backfill', handle: rebuildSink },
  { method: 'POST', path: '/sinks/{name}/replay', handle: replaySink },
  { method: 'GET', path: '/sinks/{name}/quarantine', handle: listQuarantine },
  { method: 'POST', path: '/sinks/{name}/quarantine/retry', handle: retryQuarantine },
  { method: 'POST', path: '/sinks/{name}/quarantine/drop', handle: dropQuarantine },
  { method: 'POST', path: '/sinks/{name}/verify', handle: verify },
]

/** The route of a path, and what stands at its `{...}`; methods that the path has if not this one. */
export function findRoute(method: string, path: string): { route?: Route; name: string; methods: string[] } {
  const parts = path.split('/')
  const methods: string[] = []
  for (const route of ROUTES) {
    const wanted = route.path.split('/')
    if (wanted.length !== parts.length || !wanted.every((part, i) => isPlace(part) || part === parts[i])) continue
    if (route.method === method) return { route, name: parts[wanted.findIndex(isPlace)] ?? '', methods }
    methods.push(route.method)
  }
  return { name: '', methods }
}

function isPlace(part: string): boolean {
  return part.startsWith('{')
}

function act(
  choose: (pipeline: RunningPipeline) => RunningPipeline['pause'],
  kind: 'source' | 'sink',
): (exchange: Exchange) => Promise<void> {
  return async ({ pipeline, name, response }) => {
    await choose(pipeline).call(pipeline, kind === 'source' ? { source: name } : { sink: name })
    answerJson(response, 202, { accepted: true })
  }
}

function describe({ response }: Exchange): void {
  answerText(response, 200, 'application/json', JSON.stringify(openapi, undefined, 2))
}
