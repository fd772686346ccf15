/** Where the files are: a folder, or a bucket. Errors come as TailraceError. */
export interface Place extends AsyncDisposable {
  /** For people. */
  readonly name: string
  /** The manifest; undefined: there is none. */
  read(signal: AbortSignal): Promise<Noted | undefined>
  /**
   * Puts a manifest in the place of the one with this tag, of none without it. Durable when it resolves, with the new
   * tag; undefined: another one is there, and stays.
   */
  replace(text: string, tag: string | undefined, signal: AbortSignal): Promise<string | undefined>
  /** Takes a file of this machine to its path, durable when it resolves; one of that name is replaced. */
  put(file: string, path: string, signal: AbortSignal): Promise<void>
  /** A file of this machine with what is at the path: that one itself, or a copy at `scratch`. */
  local(path: string, scratch: string, signal: AbortSignal): Promise<string>
  /** They are gone when it resolves, also those that were not there. */
  remove(paths: readonly string[], signal: AbortSignal): Promise<void>
  /** Paths of all files of the sink's kind that begin so, listed in a manifest or not. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<string>
}

export interface Noted {
  readonly text: string
  readonly tag: string
}
