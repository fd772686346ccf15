import type { Sink, SinkContext } from '../../runtime/contract.ts'

const CLOSE_MS = 5000

/** As a sink closes. One that cannot be stored does no harm: what came after the one before comes again. */
export async function storeLastCursor(sink: Required<Pick<Sink, 'flush'>>, { logger }: SinkContext): Promise<void> {
  try {
    await sink.flush(AbortSignal.timeout(CLOSE_MS))
  } catch (err) {
    logger.warn({ err }, 'the last cursor was not stored; what came after the one before comes again')
  }
}
