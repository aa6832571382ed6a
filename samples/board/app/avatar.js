'use strict';

// Draws a picture for a name: a pattern of five by five fields, left and right alike, as a PNG of two colours.

const crypto = require('node:crypto');
const zlib = require('node:zlib');

const FIELDS = 5;
const FIELD = 20;
const SIZE = (FIELDS + 1) * FIELD;
const BACKGROUND = [0xf3, 0xee, 0xe4];

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit += 1) {
    c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  }
  return c >>> 0;
});

function crc(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) {
    c = CRC[(c ^ byte) & 0xff] ^ (c >>> 8);
  }
  return (c ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc(body), body.length + 4);
  return whole;
}

/** A colour that is neither pale nor black, from a number of 16 bits. */
function colour(number) {
  const hue = (number / 65536) * 6;
  const part = (shift) => {
    const at = (hue + shift) % 6;
    return Math.round(60 + 130 * Math.max(0, Math.min(1, Math.abs(at - 3) - 1)));
  };
  return [part(0), part(4), part(2)];
}

/** The picture of a name, always the same bytes for the same name. */
function draw(name) {
  const digest = crypto.createHash('sha256').update(name).digest();
  const isSet = (x, y) => {
    const column = Math.floor((x - FIELD / 2) / FIELD);
    const line = Math.floor((y - FIELD / 2) / FIELD);
    if (column < 0 || column >= FIELDS || line < 0 || line >= FIELDS) {
      return false;
    }
    return digest[2 + line * 3 + Math.min(column, FIELDS - 1 - column)] % 2 === 1;
  };
  // One bit a pixel, each line after its filter byte.
  const stride = 1 + Math.ceil(SIZE / 8);
  const pixels = Buffer.alloc(stride * SIZE);
  for (let y = 0; y < SIZE; y += 1) {
    for (let x = 0; x < SIZE; x += 1) {
      if (isSet(x, y)) {
        pixels[y * stride + 1 + (x >> 3)] |= 0x80 >> (x & 7);
      }
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([1, 3, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from([...BACKGROUND, ...colour(digest.readUInt16BE(0))])),
    // Stored, not packed: two versions of zlib pack in two ways, and browsers keep the picture by its bytes.
    chunk('IDAT', zlib.deflateSync(pixels, { level: 0 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

module.exports = { draw };
