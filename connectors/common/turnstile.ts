/** Hands items from several producers to one consumer, in the order they were put. Holds a bounded number. */
export class Turnstile<T> {
  readonly #limit: number
  readonly #queue: T[] = []
  #wake: (() => void) | undefined
  #waiting: (() => void)[] = []

  /** A producer that puts one more than `limit` items waits. */
  constructor(limit = 1) {
    this.#limit = limit
  }

  /** A promise if there are enough: it resolves once there is room. The item is taken either way. */
  put(item: T): Promise<void> | undefined {
    this.#queue.push(item)
    this.#wake?.()
    if (this.#queue.length <= this.#limit) return undefined
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  /** Items until `ended` resolves and none is left. Throws as soon as `ended` rejects. */
  async *until(ended: Promise<void>): AsyncGenerator<T> {
    let isOver = false
    let failure: { readonly error: unknown } | undefined
    ended.then(
      () => {
        isOver = true
        this.#wake?.()
      },
      error => {
        failure = { error }
        this.#wake?.()
      },
    )
    for (;;) {
      if (failure !== undefined) throw failure.error
      const item = this.#queue.shift()
      if (item !== undefined) {
        if (this.#queue.length <= this.#limit) this.#release()
        yield item
      } else if (isOver) return
      else
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
    }
  }

  #release(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
