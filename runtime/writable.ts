import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Finding } from './contract.ts'
import { errorCode } from './errors.ts'

/** Whether a file or folder can be written, or made below the nearest folder that exists. Makes nothing. */
export async function checkWritable(path: string): Promise<Finding> {
  for (let place = path; ; place = dirname(place))
    try {
      await access(place, constants.W_OK)
      return { level: 'ok', code: 'TARGET_WRITABLE', message: `${path} can be written.` }
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOENT' && place !== dirname(place)) continue
      return {
        level: 'error',
        code: 'TARGET_UNWRITABLE',
        message: `${path} cannot be written: ${place} (${code}).`,
        fix: `Give ${place} to the user that runs Tailrace, or set another path.`,
      }
    }
}
