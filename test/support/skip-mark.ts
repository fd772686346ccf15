/** The mark in a test's name that says why it does not run here, read again by run-tests.ts for its list. */

export function withReason(name: string, reason: string): string {
  return `${name} [skipped: ${reason.replaceAll(/[\]\s]+/g, ' ').trim()}]`
}

/** A skipped test's name and reason; the reason is undefined where nobody gave one. */
export function skipReason(name: string): { name: string; reason: string | undefined } {
  const match = /^(.*?) \[skipped: ([^\]]*)\](.*)$/.exec(name)
  return match === null ? { name, reason: undefined } : { name: `${match[1]}${match[3]}`, reason: match[2] }
}
