import { setTimeout } from 'node:timers/promises'

/** Asks every 20 ms until it is so; rejects with `what` after `seconds`. For what sends no event to await. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  seconds = 20,
  everyMs = 20,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`after ${seconds} s it is still not so that ${what}`)
    await setTimeout(everyMs)
  }
}
