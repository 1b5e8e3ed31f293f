/** What the echo rows send. */

/**
 * Makes a value of about `size` bytes.
 *
 * @param {"number" | "object" | "bytes" | "text" | "json"} kind
 * @param {number} [size] In bytes; for JSON the length of its text.
 * @returns {any}
 */
export function payload(kind, size = 0) {
  switch (kind) {
    case "number":
      return 42;
    case "object":
      return { id: 7, name: "green", tags: ["a", "b"] };
    case "bytes":
      return new Uint8Array(size).map((_, i) => i * 31);
    case "text":
      return "The quick brown fox jumps over the lazy dog. ".repeat(size / 45 + 1).slice(0, size);
    case "json":
      return nestedData(size);
  }
  throw new RangeError(`Cannot make a payload of kind "${kind}": no such kind`);
}

function nestedData(size) {
  if (size < 100) return { a: [1, 2] };
  const data = [];
  let length = 0;
  for (let id = 1; length < size; id++) {
    const record = {
      id,
      name: `customer ${id}`,
      active: id % 3 === 0,
      balance: id * 1.25,
      tags: ["north", "retail"],
      address: { street: `${id} High Street`, city: "Oxford", lines: [null, id % 7] },
    };
    length += JSON.stringify(record).length + 1;
    data.push(record);
  }
  return data;
}
