import { z } from 'zod'

/** Durations (`500ms 1s 10m 2h 7d`) and sizes (`512B 64KB 64MB 2GB 1TB`, powers of 1024) as written in a configuration. */

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const BYTES = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
const SIZE = /^(\d+(?:\.\d+)?)(B|KB|MB|GB|TB)$/

/** Milliseconds, rounded; undefined if the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  return match === null ? undefined : Math.round(Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS])
}

/** Bytes, rounded; undefined if the text is not a size. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text)
  return match === null ? undefined : Math.round(Number(match[1]) * BYTES[match[2] as keyof typeof BYTES])
}

/** Schema of a duration in a plugin's options: text in, milliseconds out. Give a default with `.prefault('7d')`. */
export function durationOption() {
  return z
    .string({ error: 'a duration is written as 500ms, 1s, 10m, 2h or 7d' })
    .regex(DURATION, 'a duration is written as 500ms, 1s, 10m, 2h or 7d')
    .transform(text => parseDuration(text)!)
}

/** Schema of a size in a plugin's options: text in, bytes out. Give a default with `.prefault('64MB')`. */
export function sizeOption() {
  return z
    .string({ error: 'a size is written as 512B, 64KB, 64MB, 2GB or 1TB' })
    .regex(SIZE, 'a size is written as 512B, 64KB, 64MB, 2GB or 1TB')
    .transform(text => parseSize(text)!)
}

/** Bytes for people: `1.5 GB`. */
export function formatSize(bytes: number): string {
  let value = bytes
  for (const unit of ['bytes', 'KB', 'MB', 'GB'] as const) {
    if (value < 1024) return `${unit === 'bytes' ? value : value.toFixed(value < 10 ? 1 : 0)} ${unit}`
    value /= 1024
  }
  return `${value.toFixed(1)} TB`
}

/** Seconds for people: `4 s`, `2 min 5 s`, `3 h 20 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`
}
