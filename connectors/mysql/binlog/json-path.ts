import { unreadable } from './binlog-error.ts'

/** A member of an object, or a cell of an array; those from the end count -1, -2 ... */
export type JsonLeg = string | number

/**
 * Reads a path as MySQL prints it, without wildcards: $.name."any name"[3][last-1] (Json_path::to_string of
 * sql/json_path.cc). Throws BINLOG_UNREADABLE.
 */
export function parseJsonPath(path: string): JsonLeg[] {
  if (path[0] !== '$') throw badPath()
  const legs: JsonLeg[] = []
  let at = 1
  while (at < path.length) {
    const to = path[at] === '.' ? memberEnd(path, at + 1) : path.indexOf(']', at) + 1
    if (to <= at + 1) throw badPath()
    legs.push(path[at] === '.' ? parseMember(path.slice(at + 1, to)) : parseCell(path.slice(at, to)))
    at = to
  }
  return legs
}

function memberEnd(path: string, at: number): number {
  let to = at
  if (path[at] !== '"') {
    while (to < path.length && path[to] !== '.' && path[to] !== '[') to++
    return to
  }
  for (to++; path[to] !== '"'; to++) {
    if (path[to] === '\\') to++
    if (to >= path.length) throw badPath()
  }
  return to + 1
}

function parseMember(member: string): string {
  if (member[0] !== '"') return member
  try {
    return String(JSON.parse(member))
  } catch {
    throw badPath()
  }
}

const CELL = /^\[(?:(\d{1,10})|last(?:-(\d{1,10}))?)\]$/

function parseCell(cell: string): number {
  const match = CELL.exec(cell)
  if (match === null) throw badPath()
  return match[1] === undefined ? -1 - Number(match[2] ?? 0) : Number(match[1])
}

function badPath(): Error {
  return unreadable('a difference of a JSON document has a path that is none')
}
