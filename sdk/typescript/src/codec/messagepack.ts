/**
 * MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) for the values of JSON, and
 * bytes. Integers beyond 2^53 lose digits, as in JSON; extensions are refused, for no packet has any.
 */

/** The deepest nesting that is read or written. */
const DEEPEST = 128;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Writes a value. Fields that are undefined are left out. Raises TypeError for what is no such value. */
export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.write(value, 0);
  return writer.bytes.slice(0, writer.length);
}

/** Reads a value. Raises TypeError or RangeError for bytes that are none, or more than one. */
export function decode(data: ArrayBuffer | Uint8Array): unknown {
  const reader = new Reader(data instanceof Uint8Array ? data : new Uint8Array(data));
  const value = reader.read(0);
  if (reader.left) throw new RangeError("more than one value");
  return value;
}

class Writer {
  bytes = new Uint8Array(256);
  length = 0;
  #view = new DataView(this.bytes.buffer);

  write(value: unknown, depth: number): void {
    if (depth > DEEPEST) throw new RangeError("too deep");
    if (value === null || value === undefined) this.#byte(0xc0);
    else if (typeof value === "boolean") this.#byte(value ? 0xc3 : 0xc2);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") this.#text(value);
    else if (value instanceof Uint8Array) {
      this.#head(value.length, [0xc4, 0xc5, 0xc6]);
      this.#raw(value);
    } else if (Array.isArray(value)) {
      this.#head(value.length, [0, 0xdc, 0xdd], 0x90, 15);
      for (const one of value) this.write(one, depth + 1);
    } else if (typeof value === "object") {
      const fields = Object.entries(value).filter(([, one]) => one !== undefined);
      this.#head(fields.length, [0, 0xde, 0xdf], 0x80, 15);
      for (const [name, one] of fields) {
        this.#text(name);
        this.write(one, depth + 1);
      }
    } else throw new TypeError(`a ${typeof value} is no value of MessagePack`);
  }

  #number(value: number): void {
    if (!Number.isInteger(value) || Object.is(value, -0) || Math.abs(value) >= 2 ** 63) {
      this.#byte(0xcb);
      this.#room(8).setFloat64(this.length, value);
      this.length += 8;
    } else if (value >= 0) {
      if (value < 0x80) this.#byte(value);
      else if (value < 0x100) this.#sized(0xcc, 1, value);
      else if (value < 0x10000) this.#sized(0xcd, 2, value);
      else if (value < 0x100000000) this.#sized(0xce, 4, value);
      else this.#long(0xcf, value);
    } else if (value >= -0x20) this.#byte(value);
    else if (value >= -0x80) this.#sized(0xd0, 1, value);
    else if (value >= -0x8000) this.#sized(0xd1, 2, value);
    else if (value >= -0x80000000) this.#sized(0xd2, 4, value);
    else this.#long(0xd3, value);
  }

  #text(text: string): void {
    const bytes = encodeText(text);
    this.#head(bytes.length, [0xd9, 0xda, 0xdb], 0xa0, 31);
    this.#raw(bytes);
  }

  /** Writes a length in the shortest form: in the first byte up to `most`, or after one of `codes`. */
  #head(length: number, codes: readonly [number, number, number], fixed = 0, most = -1): void {
    if (length <= most) this.#byte(fixed | length);
    else if (codes[0] && length < 0x100) this.#sized(codes[0], 1, length);
    else if (length < 0x10000) this.#sized(codes[1], 2, length);
    else this.#sized(codes[2], 4, length);
  }

  #sized(code: number, bytes: 1 | 2 | 4, value: number): void {
    this.#byte(code);
    for (let shift = bytes * 8 - 8; shift >= 0; shift -= 8) this.#byte(value >> shift);
  }

  #long(code: number, value: number): void {
    this.#byte(code);
    this.#room(8).setBigInt64(this.length, BigInt(value));
    this.length += 8;
  }

  #byte(value: number): void {
    this.#room(1).setUint8(this.length++, value);
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  #room(more: number): DataView {
    if (this.length + more > this.bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.length + more));
      grown.set(this.bytes);
      this.bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return this.#view;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  read(depth: number): unknown {
    if (depth > DEEPEST) throw new RangeError("too deep");
    const code = this.#unsigned(1);
    if (code < 0x80) return code;
    if (code < 0x90) return this.#map(code & 15, depth);
    if (code < 0xa0) return this.#list(code & 15, depth);
    if (code < 0xc0) return this.#text(code & 31);
    if (code >= 0xe0) return code - 0x100;
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#raw(this.#unsigned(1 << (code - 0xc4))).slice();
      case 0xca:
        return this.#view.getFloat32(this.#skip(4));
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#unsigned(1 << (code - 0xcc));
      case 0xcf:
        return Number(this.#view.getBigUint64(this.#skip(8)));
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return Number(this.#view.getBigInt64(this.#skip(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#unsigned(1 << (code - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#list(this.#unsigned(2 << (code - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(2 << (code - 0xde)), depth);
      default:
        throw new TypeError(`byte ${code} begins no value of a packet`);
    }
  }

  #list(length: number, depth: number): unknown[] {
    this.#check(length);
    return Array.from({ length }, () => this.read(depth + 1));
  }

  #map(length: number, depth: number): Record<string, unknown> {
    this.#check(2 * length);
    const fields: [string, unknown][] = [];
    for (let count = 0; count < length; count++) {
      const name = this.read(depth + 1);
      if (typeof name !== "string") throw new TypeError("a field whose name is no text");
      fields.push([name, this.read(depth + 1)]);
    }
    // Not assigned one by one: "__proto__" is a name like any other.
    return Object.fromEntries(fields);
  }

  #text(length: number): string {
    return decoder.decode(this.#raw(length));
  }

  #raw(length: number): Uint8Array {
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  #unsigned(bytes: number): number {
    const at = this.#skip(bytes);
    if (bytes === 1) return this.#view.getUint8(at);
    return bytes === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #skip(length: number): number {
    this.#check(length);
    this.#at += length;
    return this.#at - length;
  }

  /** Checks that there are as many bytes as something needs at least, before room is made for it. */
  #check(bytes: number): void {
    if (bytes > this.left) throw new RangeError("cut off");
  }
}

/**
 * Writes UTF-8. Half of a surrogate pair is written as if it were a character, which no reader takes: the
 * server refuses it as it does in JSON, and what a person wrote is not changed without a word.
 */
function encodeText(text: string): Uint8Array {
  if (!/\p{Surrogate}/u.test(text)) return encoder.encode(text);
  return Uint8Array.from(
    [...text].flatMap((character) => {
      const code = character.codePointAt(0) ?? 0;
      if (code < 0xd800 || code > 0xdfff) return [...encoder.encode(character)];
      return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
    }),
  );
}
