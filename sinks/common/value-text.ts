import { elementText, floatText, mysqlFloatText, realText } from '../../runtime/record/text.ts'

/** As the database prints it, shortest among the numbers of its size. */
export function numberText(kind: 'float32' | 'float64', declared: string, value: number): string {
  const text = mysqlFloatText(kind, declared, value)
  if (text !== undefined) return text
  return kind === 'float32' ? realText(value) : floatText(kind, value)
}

export function listText(values: readonly (string | null)[]): string {
  return `{${values.map(value => (value === null ? 'NULL' : elementText(value))).join(',')}}`
}
