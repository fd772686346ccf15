import type { SinkPart } from '../sink-part.ts'

/** Resolves once these sinks have applied all that was committed at their sources before the call. */
export async function allApplied(sinks: readonly SinkPart[], signal: AbortSignal): Promise<void> {
  const sources = new Set(sinks.flatMap(sink => sink.sources))
  await Promise.all(
    [...sources].map(async source => {
      const cursor = await source.reached(signal)
      const waiting = sinks.filter(sink => sink.sources.includes(source))
      await Promise.all(waiting.map(sink => sink.delivery(source.name)!.reached(source.log, cursor, signal)))
    }),
  )
}
