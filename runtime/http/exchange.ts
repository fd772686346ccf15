import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Metrics } from '../metrics.ts'
import type { PipelineConfig } from '../pipeline-config.ts'
import type { RunningPipeline } from '../status.ts'

/** A request with what its route needs to answer it. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  /** What stood at `{...}` in the path, percent-encoded. */
  readonly name: string
  readonly pipeline: RunningPipeline
  readonly config: PipelineConfig
  readonly metrics: () => Promise<Metrics>
  /** Aborts when the client leaves or the server stops. */
  readonly signal: AbortSignal
}
