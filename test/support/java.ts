/** The newest Java of this machine, which search engines and brokers need. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Java {
  /** Below it `bin/java`. */
  readonly home: string
  /** 17, 25. */
  readonly major: number
}

/** Where Debian's packages put them. */
const PLACES = '/usr/lib/jvm'

let found: Promise<Java | undefined> | undefined

/** Undefined where there is none. */
export function newestJava(): Promise<Java | undefined> {
  found ??= find()
  return found
}

async function find(): Promise<Java | undefined> {
  const installed = existsSync(PLACES) ? (await readdir(PLACES)).map(name => join(PLACES, name)) : []
  const homes = [process.env.JAVA_HOME, ...installed, undefined]
  const javas = await Promise.all(homes.map(home => javaIn(home)))
  return javas.filter(java => java !== undefined).toSorted((a, b) => b.major - a.major)[0]
}

/** In `home`, or the one on the PATH. */
async function javaIn(home: string | undefined): Promise<Java | undefined> {
  const program = home === undefined ? 'java' : join(home, 'bin', 'java')
  try {
    const { stderr } = await promisify(execFile)(program, ['-XshowSettings:properties', '-version'])
    const own = /java\.home = (.+)/.exec(stderr)?.[1]
    const major = /java\.specification\.version = (\d+)/.exec(stderr)?.[1]
    return own === undefined || major === undefined ? undefined : { home: own.trim(), major: Number(major) }
  } catch {
    return undefined
  }
}
