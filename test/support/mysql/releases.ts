/** Which releases of MySQL and MariaDB tests run against, and where their programs come from. */
import type { DebianPackages } from '../debian-package.ts'

export type Flavor = 'mysql' | 'mariadb'

export interface Release {
  readonly flavor: Flavor
  /** `MySQL 8.4`. */
  readonly title: string
  /** What its version begins with. */
  readonly version: string
  /** Packages of Debian, or an image of Docker Hub, which is taken where Docker answers. */
  readonly from: DebianPackages | { readonly image: string }
}

const MYSQL_PACKAGES = ['mysql-server-core', 'mysql-client-core']
const MARIADB_PACKAGES = ['mariadb-server-core', 'mariadb-client']

/** MySQL 9 is in Debian's unstable suite alone; the releases of MySQL before it are in none. */
export const RELEASES: Readonly<Record<string, Release>> = {
  'mysql-9': {
    flavor: 'mysql',
    title: 'MySQL 9',
    version: '9.',
    from: { name: 'mysql-sid', packages: MYSQL_PACKAGES, suite: 'sid' },
  },
  'mariadb-10.11': {
    flavor: 'mariadb',
    title: 'MariaDB 10.11',
    version: '10.11.',
    from: { name: 'mariadb-bookworm', packages: MARIADB_PACKAGES, suite: 'bookworm' },
  },
  'mariadb-11.8': {
    flavor: 'mariadb',
    title: 'MariaDB 11.8',
    version: '11.8.',
    from: { name: 'mariadb-trixie', packages: MARIADB_PACKAGES, suite: 'trixie' },
  },
  'mysql-8.4': { flavor: 'mysql', title: 'MySQL 8.4', version: '8.4.', from: { image: 'mysql:8.4' } },
  'mysql-8.0': { flavor: 'mysql', title: 'MySQL 8.0', version: '8.0.', from: { image: 'mysql:8.0' } },
}

const USUAL: readonly string[] = ['mysql-9', 'mariadb-10.11']

/** Of a test process: the one release that it runs against in place of the usual ones, by its name here. */
export const RELEASE_VARIABLE = 'TAILRACE_TEST_SERVER'

function chosen(): readonly Release[] {
  const name = process.env[RELEASE_VARIABLE]
  return (name === undefined ? USUAL : [name]).map(one => {
    const release = RELEASES[one]
    if (release === undefined) throw new Error(`${RELEASE_VARIABLE} is one of: ${Object.keys(RELEASES).join(' ')}`)
    return release
  })
}

/** Those that this process runs against. */
export const FLAVORS: readonly Flavor[] = chosen().map(({ flavor }) => flavor)

/** Throws if this process runs against a release of the other flavor alone. */
export function releaseOf(flavor: Flavor): Release {
  const release = chosen().find(one => one.flavor === flavor)
  if (release === undefined) throw new Error(`${process.env[RELEASE_VARIABLE]} alone is tested here`)
  return release
}
