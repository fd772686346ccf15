/** Chance that can be repeated: the same seed gives the same numbers. */
export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  /** A generator of its own for a part of the run, so that parts do not disturb each other. */
  fork(part: number): Random {
    return new Random((this.seed ^ Math.imul(part + 1, 0x9e3779b1)) >>> 0)
  }

  /** From 0, below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** An integer from `from`, below `to`. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }
}

/** The seed given after `--seed`, or a fresh one. Printed with the figures, so that a run can be repeated. */
export function seedFrom(args: readonly string[]): number {
  const at = args.indexOf('--seed')
  return at === -1 ? Math.floor(Math.random() * 2 ** 32) : Number(args[at + 1]) >>> 0
}
