/** Which numbers a type of the target holds. */

/** Digits of a decimal in all, and behind the point. */
export interface DecimalWidth {
  readonly width: number
  readonly scale: number
}

/** PostgreSQL's scale may be negative or beyond the precision. Undefined: no decimal of `most` digits holds them all. */
export function decimalWidth(precision: number | undefined, scale: number, most: number): DecimalWidth | undefined {
  if (precision === undefined) return undefined
  const width = Math.max(scale < 0 ? precision - scale : precision, scale)
  return width > most ? undefined : { width, scale: Math.max(scale, 0) }
}

const INTEGERS = ['int16', 'int32', 'int64']

type Kind = { readonly kind: string }

/** Whether a value of the one type is, without loss, a value of the other. */
export function widens(from: Kind | (Kind & DecimalWidth), to: Kind | (Kind & DecimalWidth)): boolean {
  if ('width' in from && 'width' in to) return from.scale === to.scale && from.width <= to.width
  return INTEGERS.includes(from.kind) && INTEGERS.indexOf(to.kind) > INTEGERS.indexOf(from.kind)
}
