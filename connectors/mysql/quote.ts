/** Names and text in SQL. */

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

export function quoteTable({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `${quoteName(schema)}.${quoteName(table)}`
}

/** For sessions without NO_BACKSLASH_ESCAPES, which ours are. */
export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`
}

export function sqlList(texts: readonly string[]): string {
  return texts.map(quoteText).join(', ')
}
