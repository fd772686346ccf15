import { crashPoint } from '../../crash.ts'
import { errorCode } from '../../errors.ts'
import { writeCheckpoint } from './checkpoint.ts'
import type { Head } from './head.ts'
import type { LogPlace } from './log-place.ts'

/** Writes the checkpoints of a log that grows: one each time that it has grown by so much. */
export class CheckpointWriter {
  readonly #place: LogPlace
  readonly #head: Head
  readonly #every: number
  /** Bytes that the next opening would have to scan. */
  since: number

  constructor(place: LogPlace, head: Head, every: number, since: number) {
    this.#place = place
    this.#head = head
    this.#every = every
    this.since = since
  }

  get isDue(): boolean {
    return this.since >= this.#every
  }

  /** Only saves time at the next opening, so a full disk does not stop the log here: then that error is answered. */
  async write(): Promise<unknown> {
    const { fs, folder, logId, logger } = this.#place
    this.since = 0
    try {
      await writeCheckpoint(fs, folder, logId, this.#head)
    } catch (err) {
      if (errorCode(err) !== 'LOG_DISK_FULL') throw err
      logger.warn({ err }, 'no checkpoint of the log: the disk is full')
      return err
    }
    crashPoint('log.checkpoint')
    return undefined
  }
}
