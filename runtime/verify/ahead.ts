/** The same, with the next one under way while the one at hand is worked on. */
export async function* ahead<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  let next: Promise<IteratorResult<T>> | undefined
  const fetch = (): Promise<IteratorResult<T>> => {
    const result = iterator.next()
    // Whoever has stopped waiting for it has a reason of their own.
    result.catch(() => {})
    return result
  }
  try {
    next = fetch()
    for (;;) {
      const { done, value } = await next
      next = undefined
      if (done === true) return
      next = fetch()
      yield value
    }
  } finally {
    await next?.catch(() => {})
    await iterator.return?.()
  }
}
