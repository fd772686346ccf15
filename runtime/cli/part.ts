import { TailraceError } from '../errors.ts'

/** The part of this name in the configuration. Throws UNKNOWN_SOURCE, UNKNOWN_SINK. */
export function part<P extends { readonly name: string }>(
  parts: readonly P[],
  kind: 'source' | 'sink',
  name: string,
): P {
  const found = parts.find(candidate => candidate.name === name)
  if (found !== undefined) return found
  throw new TailraceError(
    kind === 'source' ? 'UNKNOWN_SOURCE' : 'UNKNOWN_SINK',
    'stop',
    `There is no ${kind} "${name}".`,
    { hint: `The configuration has ${parts.map(candidate => candidate.name).join(', ') || 'none'}.` },
  )
}
