/** Tests that cannot run everywhere: skipped by name, with the reason in the report. */
import { describe, it } from '@jest/globals'
import { withReason } from './skip-mark.ts'

type Body = () => void | Promise<void>

/** `itIf(canMount, 'mounting needs root')('stops at a full disk', ...)`. */
export function itIf(condition: boolean, reason: string): (name: string, body: Body, timeout?: number) => void {
  return (name, body, timeout) => {
    if (condition) it(name, body, timeout)
    else it.skip(withReason(name, reason), body, timeout)
  }
}

export function describeIf(condition: boolean, reason: string): (name: string, body: () => void) => void {
  return (name, body) => {
    if (condition) describe(name, body)
    else describe.skip(withReason(name, reason), body)
  }
}
