import type { LogPlugin, SinkPlugin, SourcePlugin } from './contract.ts'
import type { ShapeOptions } from './shape/spec.ts'
import type { Transform } from './transform.ts'

/** A checked configuration with its plugins loaded: what config/load.ts makes of a file and runtime/pipeline.ts runs. */
export interface PipelineConfig {
  readonly pipeline: string
  /** Absolute, of the configuration file: what relative paths in it start from. */
  readonly folder: string
  readonly log: {
    readonly plugin: LogPlugin
    readonly options: unknown
    /** Absolute. Each source's log stands in a folder of its own below it; `tailrace.json` and pauses beside them. */
    readonly path: string
  }
  readonly sources: readonly SourceConfig[]
  readonly sinks: readonly SinkConfig[]
  /** Undefined: no HTTP at all (`http: false`). */
  readonly http: HttpConfig | undefined
}

export interface SourceConfig {
  readonly name: string
  readonly plugin: SourcePlugin
  /** What the plugin's own schema made of its options. */
  readonly options: unknown
}

export interface SinkConfig {
  readonly name: string
  /** As the configuration names it: a worker thread loads the plugin by it. */
  readonly type: string
  readonly plugin: SinkPlugin
  readonly options: unknown
  /** Patterns of full table names, `source.schema.table`; undefined: every table. */
  readonly tables: readonly string[] | undefined
  readonly onDelete: 'delete' | 'mark' | 'ignore'
  readonly onReject: 'quarantine' | 'stop'
  /** Rows; one more stops the sink. */
  readonly maxQuarantined: number
  readonly batch: BatchLimits
  /** What reaches it of its tables. */
  readonly shape: ShapeOptions
  /** The functions that `shape.transform` tells of. */
  readonly transform: Transform | undefined
}

export interface BatchLimits {
  readonly rows: number
  readonly bytes: number
  /** Milliseconds that a batch may wait for more rows; 0: never. */
  readonly wait: number
}

export interface HttpConfig {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Needed when `host` is not a loopback address. */
  readonly token: string | undefined
}
