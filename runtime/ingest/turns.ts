/**
 * Who may append: one at a time, the stream before any load. While the stream has something waiting, loads take at most
 * half of the time.
 */
export class Turns {
  #isTaken = false
  #stream: Waiting | undefined
  readonly #loads: Waiting[] = []
  /** No load begins before. */
  #restUntil = 0
  #timer: NodeJS.Timeout | undefined

  /** For a unit of the stream, from its first batch to its end. */
  stream(signal: AbortSignal): Promise<Disposable> {
    return this.#wait(signal, waiting => {
      this.#stream = waiting
      return () => {
        this.#stream = undefined
      }
    })
  }

  /** For what a load looks up and appends on the strength of it: nothing comes in between. */
  async load(signal: AbortSignal): Promise<Disposable> {
    const turn = await this.#wait(signal, waiting => {
      this.#loads.push(waiting)
      return () => this.#loads.splice(this.#loads.indexOf(waiting), 1)
    })
    const began = performance.now()
    return {
      [Symbol.dispose]: () => {
        const now = performance.now()
        if (this.#stream !== undefined) this.#restUntil = now + (now - began)
        turn[Symbol.dispose]()
      },
    }
  }

  #wait(signal: AbortSignal, enter: (waiting: Waiting) => () => void): Promise<Disposable> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const leave = enter({
        take: () => {
          signal.removeEventListener('abort', onAbort)
          leave()
          this.#isTaken = true
          resolve({ [Symbol.dispose]: () => this.#end() })
        },
      })
      const onAbort = (): void => {
        leave()
        reject(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#next()
    })
  }

  #end(): void {
    this.#isTaken = false
    this.#next()
  }

  #next(): void {
    const [load] = this.#loads
    const rest = this.#restUntil - performance.now()
    if (this.#isTaken) return
    if (this.#stream !== undefined) this.#stream.take()
    else if (load !== undefined && rest <= 0) load.take()
    else if (load !== undefined) {
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.#next(), Math.ceil(rest))
    }
  }
}

interface Waiting {
  take(): void
}
