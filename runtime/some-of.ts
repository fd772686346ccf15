/** Names in a message: more than these nobody reads. */
const MOST = 10

/** `a, b, c`, or the first ten and how many more there are. */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, MOST).join(', ')
  return names.length <= MOST ? shown : `${shown} and ${names.length - MOST} more`
}
