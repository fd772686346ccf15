/** A server of S3 for tests: the Versity gateway, built from its Go module at first use. */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorCode, errorMessage } from '../../../runtime/errors.ts'
import { cached } from '../cached-package.ts'

const MODULE = 'github.com/versity/versitygw/cmd/versitygw'
const VERSION = 'v1.8.0'

/** A build that takes longer hangs. */
const BUILD_MS = 8 * 60_000

/** The folder that holds `versitygw`. Rejects, saying why, if it cannot be built here. */
export async function gatewayProgram(): Promise<string> {
  return await cached('versitygw', `${VERSION}-${process.arch}`, async work => {
    const bin = join(work, 'bin')
    await mkdir(bin)
    // All that the build leaves goes with the folder.
    const places = { GOBIN: bin, GOPATH: join(work, 'go'), GOCACHE: join(work, 'cache') }
    const env = { ...process.env, ...places, GOFLAGS: '-modcacherw' }
    await promisify(execFile)('go', ['install', `${MODULE}@${VERSION}`], { env, cwd: work, timeout: BUILD_MS }).catch(
      error => {
        const why = errorCode(error) === 'ENOENT' ? 'there is no go here' : lastLine(errorMessage(error))
        throw new Error(`${MODULE} cannot be built: ${why}`)
      },
    )
    return bin
  })
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!
}
