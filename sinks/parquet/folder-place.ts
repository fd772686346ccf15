import { mkdir, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { errorCode } from '../../runtime/errors.ts'
import { fileError, replaceFile, sync } from '../common/files.ts'
import { MANIFEST } from './manifest.ts'
import type { Noted, Place } from './place.ts'

/** Files in a folder of this machine. The tag of a manifest is its text. */
export class FolderPlace implements Place {
  readonly name: string
  /** Folders whose names are durable. */
  readonly #known = new Set<string>()

  constructor(path: string) {
    this.name = path
    this.#known.add(path)
  }

  async read(): Promise<Noted | undefined> {
    return this.#work(async () => {
      try {
        const text = await readFile(join(this.name, MANIFEST), 'utf8')
        return { text, tag: text }
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return undefined
        throw error
      }
    })
  }

  async replace(text: string, tag: string | undefined): Promise<string | undefined> {
    return this.#work(async () => {
      if ((await this.read())?.tag !== tag) return undefined
      await replaceFile(join(this.name, MANIFEST), text)
      return text
    })
  }

  async put(file: string, path: string): Promise<void> {
    await this.#work(async () => {
      const target = join(this.name, path)
      await this.#makeFolder(dirname(target))
      await sync(file)
      await rename(file, target)
      await sync(dirname(target))
    })
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#known.has(folder)) return
    await this.#makeFolder(dirname(folder))
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await sync(dirname(folder))
    this.#known.add(folder)
  }

  async local(path: string): Promise<string> {
    return join(this.name, path)
  }

  async remove(paths: readonly string[]): Promise<void> {
    await this.#work(async () => {
      for (const path of paths) await rm(join(this.name, path), { force: true })
      for (const folder of new Set(paths.map(path => dirname(path)))) await this.#removeEmpty(folder)
    })
  }

  async #removeEmpty(folder: string): Promise<void> {
    if (folder === '.') return
    try {
      await rmdir(join(this.name, folder))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') return
    }
    this.#known.delete(join(this.name, folder))
    await this.#removeEmpty(dirname(folder))
  }

  async *list(prefix: string): AsyncGenerator<string> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    const entries = await this.#work(async () => {
      try {
        return await readdir(join(this.name, folder), { recursive: true, withFileTypes: true })
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return []
        throw error
      }
    })
    for (const entry of entries) {
      const path = relative(this.name, join(entry.parentPath, entry.name)).split(sep).join('/')
      if (entry.isFile() && path.startsWith(prefix) && path.endsWith('.parquet')) yield path
    }
  }

  async #work<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw fileError(error, this.name)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
