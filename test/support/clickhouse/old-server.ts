/** ClickHouse's own server as Debian has it, 18.16: too old for the sink, and the only HTTP handler of its own at hand. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../../runtime/demo/free-port.ts'
import { debianPackages, debianProgram, type Program } from '../debian-package.ts'
import { ServerFolder } from '../server-folder.ts'
import { until } from '../until.ts'

const USERS = `<yandex>
<profiles><default></default></profiles>
<quotas><default></default></quotas>
<users><default><password>word</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
</yandex>`

function settings(folder: string, port: number): string {
  const of = (name: string): string => `${join(folder, name)}/`
  return `<yandex>
<logger><console>1</console><level>warning</level></logger>
<http_port>${port}</http_port><listen_host>127.0.0.1</listen_host>
<path>${of('data')}</path><tmp_path>${of('tmp')}</tmp_path><user_files_path>${of('files')}</user_files_path>
<users_config>${join(folder, 'users.xml')}</users_config><mark_cache_size>67108864</mark_cache_size>
<default_profile>default</default_profile><default_database>default</default_database>
</yandex>`
}

/** Rejects, saying why, where it cannot be had. */
export async function oldProgram(): Promise<string> {
  return await debianPackages({
    name: 'clickhouse-bookworm',
    packages: ['clickhouse-server', 'clickhouse-common'],
    suite: 'bookworm',
  })
}

export interface OldServer extends AsyncDisposable {
  /** With its login. */
  readonly url: string
}

export async function startOldServer(): Promise<OldServer> {
  const home = await oldProgram()
  return await ServerFolder.with('tailrace-old-clickhouse-', async folder => {
    const program = await debianProgram(await folder.reach(home), 'usr/sbin/clickhouse-server')
    const port = await freePort()
    await writeFile(join(folder.path, 'users.xml'), USERS)
    await writeFile(join(folder.path, 'config.xml'), settings(folder.path, port))
    for (const name of ['data', 'tmp', 'files']) {
      await mkdir(join(folder.path, name))
      await folder.own(join(folder.path, name))
    }
    await start(folder, program, port)
    return {
      url: `http://default:word@127.0.0.1:${port}/default`,
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    }
  })
}

async function start(folder: ServerFolder, program: Program, port: number): Promise<void> {
  const child = await folder.start(program, [`--config-file=${join(folder.path, 'config.xml')}`])
  let ended = false
  child.once('exit', () => {
    ended = true
  })
  await until(async () => {
    if (ended) throw new Error(`ClickHouse ended\n${await folder.lastLines()}`)
    return await fetch(`http://127.0.0.1:${port}/ping`).then(
      ({ ok }) => ok,
      () => false,
    )
  }, 'ClickHouse answers')
  child.unref()
}
