import type { Tuple } from '../../runtime/record/tuple.ts'

/** A tuple that is pointed elsewhere for each row. */
export class Span implements Tuple {
  bytes: Buffer = Buffer.alloc(0)
  at = 0
  end = 0
}

/** Memory for one rewritten tuple, used again for the next. */
export class Scratch {
  bytes: Buffer = Buffer.allocUnsafeSlow(4096)

  /** At least `size` bytes; what was in it is lost. */
  room(size: number): Buffer {
    if (this.bytes.length < size) this.bytes = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.bytes.length))
    return this.bytes
  }
}
