import { describe, expect, it } from '@jest/globals'
import { CellOutput } from '../../../connectors/mysql/values/cell-output.ts'
import { Charsets } from '../../../connectors/mysql/values/charsets.ts'
import type { WriteText } from '../../../connectors/mysql/values/text.ts'
import { contentAt } from '../../../runtime/record/cells.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { paperCharsets, paperQuery } from '../../support/mysql/paper-charsets.ts'

/** Tag and content of the cell. */
function written(write: WriteText, value: Buffer | string): [string, string] {
  const content = Buffer.from(value)
  const out = new CellOutput()
  write(Buffer.concat([Buffer.from('<'), content, Buffer.from('>')]), 1, 1 + content.length, out)
  const cell = out.bytes.subarray(0, out.at)
  const isText = cell[0] === CellTag.text
  return [isText ? 'text' : 'bytes', cell.toString(isText ? 'utf8' : 'hex', contentAt(cell, 0))]
}

describe('text', () => {
  it('in UTF-8 is the same text, and bytes where it is none', async () => {
    const write = (await paperCharsets('mysql')).writer('utf8mb4', 'c')
    for (const text of ['', 'plain', 'é産\u{1f600}', '\ufeff\0', 'é'.repeat(500), '\u{10ffff}\u07ff\u0800'])
      expect(written(write, text)).toEqual(['text', text])
    const invalid = ['80', 'c0af', 'c3', 'eda080', 'f4908080', 'e0809f', 'f08080af', 'ff', 'f0908f', '61c328']
    for (const hex of [...invalid, ...invalid.map(each => '61'.repeat(200) + each)])
      expect(written(write, Buffer.from(hex, 'hex'))).toEqual(['bytes', hex])
  })

  it('in a character set of one byte is what the server makes of each byte', async () => {
    const charsets = await paperCharsets('mysql')
    expect(written(charsets.writer('latin1', 'c'), Buffer.from('80e9818d', 'hex'))).toEqual(['text', '€é\x81\x8d'])
    expect(written(charsets.writer('cp1251', 'c'), Buffer.from('cfe8', 'hex'))).toEqual(['text', 'Пи'])
    expect(written(charsets.writer('cp1251', 'c'), Buffer.from('3f98', 'hex'))).toEqual(['bytes', '3f98'])
    expect(written(charsets.writer('ascii', 'c'), Buffer.from('6180', 'hex'))).toEqual(['bytes', '6180'])
  })

  it('in UTF-16, UCS-2 and UTF-32 has whole characters only', async () => {
    const charsets = await paperCharsets('mysql')
    const texts = (charset: string, hex: string): string[] =>
      written(charsets.writer(charset, 'c'), Buffer.from(hex, 'hex'))
    expect(texts('utf16', '00e9d83dde00')).toEqual(['text', 'é\u{1f600}'])
    expect(texts('utf16le', 'e9003dd800de')).toEqual(['text', 'é\u{1f600}'])
    expect(texts('ucs2', '00e97523')).toEqual(['text', 'é産'])
    expect(texts('utf32', '000000e90001f600')).toEqual(['text', 'é\u{1f600}'])
    for (const [charset, hex] of [
      ['utf16', 'd83d'],
      ['utf16', 'de00d83d'],
      ['utf16', '00e900'],
      ['ucs2', 'd83dde00'],
      ['utf32', '00110000'],
      ['utf32', '0000d800'],
      ['utf32', '0000'],
    ] as const)
      expect(texts(charset, hex)).toEqual(['bytes', hex])
  })

  it('of East Asia is read once the server was asked for its characters', async () => {
    const charsets = await paperCharsets('mysql')
    const unknown = expect.objectContaining({ code: 'CHARSET_UNKNOWN', message: expect.stringMatching(/sjis.*"c"/) })
    expect(charsets.isPrepared('sjis')).toBe(false)
    expect(() => charsets.writer('sjis', 'c')).toThrow(unknown)
    await charsets.prepare(['sjis', 'utf8mb4', 'ujis', 'gb18030', 'klingon'])
    const texts = (charset: string, hex: string): string[] =>
      written(charsets.writer(charset, 'c'), Buffer.from(hex, 'hex'))
    expect(texts('sjis', '93fab161')).toEqual(['text', '日ｱa'])
    expect(texts('ujis', 'c6fc8eb18fb0a1')).toEqual(['text', '日ｱ丂'])
    expect(texts('gb18030', 'b2fa8130813090308130e3329a35')).toEqual(['text', '产\x80\u{10000}\u{10ffff}'])
    for (const [charset, hex] of [
      ['sjis', '93'],
      ['sjis', '8100'],
      ['ujis', '8fb0'],
      ['gb18030', '813081'],
      ['gb18030', 'e3329a36'],
    ] as const)
      expect(texts(charset, hex)).toEqual(['bytes', hex])
  })
})

describe('character sets', () => {
  it('are known by their collations', async () => {
    const charsets = await paperCharsets('mariadb')
    expect(charsets.of(45, 'c')).toEqual({ name: 'utf8mb4', maxBytes: 4 })
    expect(charsets.of(8, 'c')).toEqual({ name: 'latin1', maxBytes: 1 })
  })

  it('that nobody knows are named with the column', async () => {
    const charsets = await Charsets.load('mysql', paperQuery)
    const unknown = (what: RegExp) =>
      expect.objectContaining({ code: 'CHARSET_UNKNOWN', message: expect.stringMatching(what) })
    expect(() => charsets.of(9999, 'name')).toThrow(unknown(/9999 of column "name"/))
    expect(() => charsets.writer('klingon', 'name')).toThrow(unknown(/klingon of column "name"/))
  })
})
