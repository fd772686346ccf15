/**
 * Named places where a test ends the process: `TAILRACE_CRASH=log.written:3` kills it by SIGKILL at the third pass of
 * `log.written`, as a power switch would. Costs an empty call when the variable is not set.
 */
export const crashPoint: (name: string) => void = armed(process.env.TAILRACE_CRASH)

function armed(plan: string | undefined): (name: string) => void {
  if (plan === undefined || plan === '') return () => {}
  const [point, count] = plan.split(':')
  let left = Number(count ?? 1)
  return name => {
    if (name !== point) return
    left--
    if (left === 0) process.kill(process.pid, 'SIGKILL')
  }
}
