const NOTHING = new DataView(new ArrayBuffer(0))

/**
 * The bytes of the buffer seen last, four at a time and at any place: one load each, where four of a Uint8Array take
 * three times as long. Keeps hold of that buffer.
 */
export class Words {
  #bytes: Uint8Array | undefined
  #view: DataView = NOTHING

  of(bytes: Uint8Array): DataView {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    }
    return this.#view
  }
}
