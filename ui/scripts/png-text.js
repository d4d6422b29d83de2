// Texts into a PNG: iTXt chunks after its header (PNG specification, third edition, 11.3.3.4).

const HEADER_END = 33; // signature of 8 bytes, IHDR of 25

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** @param {Uint8Array} png  @param {Record<string, string>} texts  keyword -> text */
export function withText(png, texts) {
  const chunks = Object.entries(texts).map(([key, text]) => chunk(key, text));
  const out = new Uint8Array(png.length + chunks.reduce((total, one) => total + one.length, 0));
  out.set(png.subarray(0, HEADER_END));
  let at = HEADER_END;
  for (const one of chunks) {
    out.set(one, at);
    at += one.length;
  }
  out.set(png.subarray(HEADER_END), at);
  return out;
}

function chunk(key, text) {
  // keyword, end, not compressed, method, no language, no translated keyword, text
  const body = new TextEncoder().encode(`iTXt${key}\0\0\0\0\0${text}`);
  const out = new Uint8Array(body.length + 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length - 4);
  out.set(body, 4);
  view.setUint32(body.length + 4, crc(body));
  return out;
}
