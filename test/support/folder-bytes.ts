import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../runtime/errors.ts'
import { realFs } from '../../runtime/log/embedded/fs.ts'
import { readManifest } from '../../runtime/log/embedded/manifest.ts'
import { isFlaw, openSegment, SegmentScan } from '../../runtime/log/embedded/scan.ts'

/** Files of a log's folder in which one of these texts stands, in any of the forms in which it may; decompressed where it is. */
export async function filesWith(folder: string, texts: readonly string[]): Promise<string[]> {
  const forms = texts.flatMap(text => [Buffer.from(text), Buffer.from(Buffer.from(text).toString('hex'))])
  const holds = (bytes: Buffer): boolean => forms.some(form => bytes.includes(form)) || holdsBase64(bytes, texts)
  const found: string[] = []
  for (const name of await readdir(folder, { recursive: true })) {
    const bytes = await contentOf(join(folder, name))
    if (bytes === undefined) continue
    if (holds(bytes)) found.push(name)
    else if (name.endsWith('.log') && /^\d{16}/.test(name) && (await chunksOf(folder, name)).some(holds))
      found.push(name)
  }
  return found
}

/** The same of a pipeline's log, and all files of its folder in which one of the texts stands as it is. */
export async function pipelineFilesWith(folder: string, texts: readonly string[]): Promise<string[]> {
  const found = await filesWith(join(folder, 'data', 'app'), texts)
  for (const name of await readdir(folder, { recursive: true })) {
    const bytes = await contentOf(join(folder, name))
    if (texts.some(text => bytes?.includes(text))) found.push(name)
  }
  return found
}

/** Undefined for a folder, and for a file that has gone meanwhile: LevelDB removes what it has merged. */
async function contentOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (['EISDIR', 'ENOENT'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}

/** Any run of base64 that decodes to something with the text in it. */
function holdsBase64(bytes: Buffer, texts: readonly string[]): boolean {
  for (const [word] of bytes.toString('latin1').matchAll(/[A-Za-z0-9+/]{8,}={0,2}/g))
    if (texts.some(text => Buffer.from(word, 'base64').includes(text))) return true
  return false
}

async function chunksOf(folder: string, name: string): Promise<Buffer[]> {
  const { logId } = (await readManifest(realFs, folder))!
  await using file = await realFs.open(join(folder, name), 'read')
  const place = await openSegment(file, Number(name.slice(0, 16)), logId)
  if (isFlaw(place)) throw new Error(place.flaw)
  const scan = new SegmentScan(file, place, await file.size())
  const chunks: Buffer[] = []
  for (let found = await scan.next(); found !== undefined; found = await scan.next()) {
    if (isFlaw(found)) throw new Error(found.flaw)
    chunks.push(found.payload)
  }
  return chunks
}
