import type { PipelineStatus } from '../status.ts'
import { knownTables } from '../tables.ts'
import { answerJson, answerText } from './answer.ts'
import type { Exchange } from './exchange.ts'

/** Routes that say how things stand. */

export async function status({ pipeline, response }: Exchange): Promise<void> {
  answerJson(response, 200, await pipeline.status())
}

/** 200 while the process works. */
export function health({ response }: Exchange): void {
  answerText(response, 200, 'text/plain', 'ok\n')
}

/** 200 when no part is failed, starting, loading or building; 503 with the reasons otherwise. */
export async function ready({ pipeline, response }: Exchange): Promise<void> {
  const reasons = notReady(await pipeline.status())
  answerJson(response, reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons })
}

function notReady({ sources, sinks }: PipelineStatus): string[] {
  const parts = [
    ...Object.entries(sources).map(([name, part]) => ({ name: `source ${name}`, ...part })),
    ...Object.entries(sinks).map(([name, part]) => ({ name: `sink ${name}`, ...part })),
  ]
  return parts.flatMap(({ name, state, phase }) => {
    if (state === 'failed' || state === 'starting') return [`${name} is ${state}`]
    return phase === 'loading' || phase === 'building' ? [`${name} is ${phase}`] : []
  })
}

export async function metrics({ pipeline, metrics, response }: Exchange): Promise<void> {
  const registry = await metrics()
  answerText(response, 200, registry.contentType, await registry.text(await pipeline.status()))
}

export async function tables({ pipeline, response }: Exchange): Promise<void> {
  const { sources } = await pipeline.status()
  const found = pipeline.sources().flatMap(name => knownTables(pipeline.log(name), sources[name]?.tables))
  answerJson(response, 200, { tables: found })
}
