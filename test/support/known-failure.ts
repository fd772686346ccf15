import { it } from '@jest/globals'

/**
 * A promise that something foreign is known to break. Passes while an expectation of the body fails; the day that it
 * is kept after all, or fails by anything but an expectation, the test fails.
 */
export function itBreaks(promise: string, body: () => Promise<void>): void {
  it(`does not keep, as is known: ${promise}`, async () => {
    const error: unknown = await body().then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (error === undefined)
      throw new Error(`It is kept after all: take "${promise}" off the list of what is known to fail.`)
    if (!isFailedExpectation(error)) throw error
  })
}

function isFailedExpectation(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'matcherResult' in error
}
