import { createRequire } from 'node:module'

/** From package.json, which stands one folder above the sources and two above the built files. */
function read(): string {
  const require = createRequire(import.meta.url)
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return (require(path) as { version: string }).version
    } catch {
      // the other of the two places
    }
  }
  return '0.0.0'
}

export const VERSION = read()
