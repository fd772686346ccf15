/** What the server says of the process that streams to us. */
export type Verdict = 'busy' | 'gone'

export interface WatchdogOptions {
  /** Milliseconds without a byte. */
  readonly silence: () => number
  readonly limitMs: number
  /** Asks the server, over the stream, to answer. */
  readonly nudge: () => void
  /** Asks the server, over another connection, whether it still works on our stream. Rejects if nobody answers. */
  readonly ask: () => Promise<Verdict>
  readonly onBusy: (silence: number) => void
  readonly onDead: (cause: unknown) => void
}

/** Tells a stream that is silent because the server walks through a huge foreign transaction from one that is dead. */
export class Watchdog {
  readonly #options: WatchdogOptions
  readonly #timer: NodeJS.Timeout
  #asking = false
  #askedAt = 0

  constructor(options: WatchdogOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), options.limitMs / 4)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const { silence, limitMs, nudge } = this.#options
    const silent = silence()
    if (silent < limitMs / 2) return
    nudge()
    if (silent < limitMs || this.#asking || performance.now() - this.#askedAt < limitMs) return
    this.#asking = true
    this.#askedAt = performance.now()
    this.#judge(silent)
  }

  #judge(silent: number): void {
    const { ask, limitMs, onBusy, onDead, silence } = this.#options
    ask()
      .then(
        verdict => {
          if (verdict === 'busy') onBusy(silent)
          // It may have spoken while we asked.
          else if (silence() >= limitMs) onDead(undefined)
        },
        cause => {
          if (silence() >= limitMs) onDead(cause)
        },
      )
      .finally(() => {
        this.#asking = false
      })
  }
}
