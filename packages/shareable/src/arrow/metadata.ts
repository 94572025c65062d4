/**
 * A look at a message's metadata before apache-arrow decodes it: apache-arrow believes the length of every vector in it, and
 * would loop over billions of entries that are not there.
 *
 * Metadata is a FlatBuffer: tables point to vtables, which say where fields lie; vectors start with their length. All numbers
 * are little-endian. Source: the FlatBuffers binary format, and Arrow's Message.fbs and Schema.fbs.
 */

/** No message has more fields, buffers and entries in all: a table of ten thousand columns has some fifty thousand. */
const MAX_ENTRIES = 1_000_000;
/** And no field lies deeper: types nest a few levels. */
const MAX_DEPTH = 64;

/** Field numbers of Arrow's tables. */
const MESSAGE = { headerType: 1, header: 2, custom: 4 };
const HEADER = { schema: 1, dictionary: 2, batch: 3 };
const SCHEMA = { fields: 1, custom: 2 };
const FIELD = { type: 3, children: 5, custom: 6 };
const UNION = { typeIds: 1 };
const UNION_TYPE = 14;
const FIELD_TYPE = 2;
const BATCH = { nodes: 1, buffers: 2, variadic: 4 };
const DICTIONARY = { data: 1 };

/** Thrown out of {@link checkMetadata}; the message is a phrase. */
class Malformed extends Error {}

class Walk {
  readonly #view: DataView;
  #left = MAX_ENTRIES;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  message(): void {
    const root = this.#follow(0);
    const header = this.#table(root, MESSAGE.header);
    this.#vector(root, MESSAGE.custom, 4);
    if (header === undefined) return;
    const typeAt = this.#field(root, MESSAGE.headerType);
    const type = typeAt === undefined ? 0 : this.#view.getUint8(typeAt);
    if (type === HEADER.schema) {
      this.#vector(header, SCHEMA.custom, 4);
      this.#fields(header, SCHEMA.fields, 0);
    } else if (type === HEADER.batch) {
      this.#batch(header);
    } else if (type === HEADER.dictionary) {
      const batch = this.#table(header, DICTIONARY.data);
      if (batch !== undefined) this.#batch(batch);
    }
  }

  #batch(table: number): void {
    this.#vector(table, BATCH.nodes, 16);
    this.#vector(table, BATCH.buffers, 16);
    this.#vector(table, BATCH.variadic, 8);
  }

  #fields(table: number, number: number, depth: number): void {
    if (depth > MAX_DEPTH) throw new Malformed('its types nest too deeply');
    const vector = this.#vector(table, number, 4);
    for (let i = 0; i < vector.length; i++) {
      const field = this.#follow(vector.start + 4 * i);
      this.#vector(field, FIELD.custom, 4);
      const typeAt = this.#field(field, FIELD_TYPE);
      const type = this.#table(field, FIELD.type);
      if (type !== undefined && typeAt !== undefined && this.#view.getUint8(typeAt) === UNION_TYPE)
        this.#vector(type, UNION.typeIds, 4);
      this.#fields(field, FIELD.children, depth + 1);
    }
  }

  /** The length of a vector and where its elements of `bytes` bytes start; none if the field is absent. */
  #vector(table: number, number: number, bytes: number): { start: number; length: number } {
    const at = this.#table(table, number);
    if (at === undefined) return { start: 0, length: 0 };
    const length = this.#view.getUint32(at, true);
    const start = at + 4;
    if (length * bytes > this.#view.byteLength - start)
      throw new Malformed('a vector in its metadata leaves the message');
    this.#left -= length;
    if (this.#left < 0) throw new Malformed(`its metadata has more than ${MAX_ENTRIES} entries`);
    return { start, length };
  }

  /** What a field points to: another table, or a vector. */
  #table(table: number, number: number): number | undefined {
    const at = this.#field(table, number);
    return at === undefined ? undefined : this.#follow(at);
  }

  #follow(at: number): number {
    // Offsets are positive, so a walk along them ends.
    return at + this.#view.getUint32(at, true);
  }

  /** Where a field of a table lies; `undefined` if it is absent. */
  #field(table: number, number: number): number | undefined {
    const vtable = table - this.#view.getInt32(table, true);
    const entry = 4 + 2 * number;
    if (entry + 2 > this.#view.getUint16(vtable, true)) return undefined;
    const offset = this.#view.getUint16(vtable + entry, true);
    return offset === 0 ? undefined : table + offset;
  }
}

/** Returns why a message's metadata cannot be decoded in reasonable time; `undefined` when it can. */
export function checkMetadata(metadata: Uint8Array): string | undefined {
  try {
    new Walk(metadata).message();
    return undefined;
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    // A DataView throws for whatever lies outside of it.
    if (error instanceof RangeError) return 'its metadata points outside of the message';
    throw error;
  }
}
