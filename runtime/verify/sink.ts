import type { Sink, Source } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import type { Shapes } from '../shape/shapes.ts'
import type { SinkPart } from '../sink-part.ts'
import type { SourcePart } from '../source-part.ts'
import type { VerifyEvents, VerifyReport, VerifyRequest } from '../verify-report.ts'
import type { Subject } from './subject.ts'
import { type VerifiedSource, verify } from './verify.ts'

/** Being compared now. */
const busy = new WeakSet<SinkPart>()

/** `verify` of one sink of a running pipeline. Throws VERIFY_BUSY. */
export async function verifySink(
  sink: SinkPart,
  request: VerifyRequest,
  events: VerifyEvents,
  signal: AbortSignal,
): Promise<VerifyReport> {
  if (busy.has(sink))
    throw new TailraceError('VERIFY_BUSY', 'stop', `The sink ${sink.name} is being compared already.`, {
      hint: 'Wait until that is done, or end it.',
    })
  busy.add(sink)
  try {
    const sources = sink.sources.map(source => verifiedSource(sink, source))
    return await verify(sources, request, events, signal)
  } finally {
    busy.delete(sink)
  }
}

function verifiedSource(part: SinkPart, from: SourcePart): VerifiedSource {
  return {
    log: from.log,
    takes: table => part.takes(table),
    use: (work, signal) =>
      part.use(
        from.name,
        (sink, sinkRuns) => from.use((source, bothRun) => work(subjectOf(part, from, sink, source), bothRun), sinkRuns),
        signal,
      ),
  }
}

function subjectOf(part: SinkPart, from: SourcePart, sink: Sink, source: Source): Subject {
  const { log } = from
  const delivery = part.delivery(from.name)!
  const shapes = part.shapes(from.name)
  return {
    source: shapes === undefined ? source : shapedSource(source, shapes),
    log,
    sink,
    keepsDeleted: part.keepsDeleted,
    lineageFrom: () => from.lineageFrom,
    known: table => shapes?.table(table) ?? table,
    isLoading: table => from.isLoading(table),
    shown: table => part.shown(table),
    async reached(position, signal) {
      source.hasten(position, signal)
      const cursor = await log.reached(position, (a, b) => source.covers(a, b), signal)
      await delivery.reached(log, cursor, signal)
    },
    async repair(table, keys, signal) {
      await delivery.reached(log, await from.rewrite(table, keys, signal), signal)
    },
  }
}

/** Its rows as the sink is to have them, and no others. */
function shapedSource(source: Source, shapes: Shapes): Subject['source'] {
  const request = source.request?.bind(source)
  return {
    ...(request === undefined ? {} : { request }),
    sees: (fence, transaction) => source.sees(fence, transaction),
    async *load(request, signal) {
      for await (const chunk of source.load(request, signal))
        yield { ...chunk, table: shapes.table(chunk.table), rows: shapes.rows(chunk.rows) }
    },
  }
}
