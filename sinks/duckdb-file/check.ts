import type { Finding } from '../../runtime/contract.ts'
import { errorMessage, isTailraceError } from '../../runtime/errors.ts'
import { checkWritable } from '../../runtime/writable.ts'
import { checkDatabase } from './database.ts'

/** Whether the file can be written, and is one that the driver reads. */
export async function checkFile(path: string): Promise<Finding[]> {
  const findings = [await checkWritable(path)]
  try {
    await checkDatabase(path)
  } catch (error) {
    const { code, hint } = isTailraceError(error) ? error : { code: 'TARGET_UNREADABLE', hint: undefined }
    // It may well be this pipeline that has it open.
    const level = code === 'TARGET_BUSY' ? 'warning' : 'error'
    findings.push({ level, code, message: errorMessage(error), ...(hint === undefined ? {} : { fix: hint }) })
  }
  return findings
}
