'use strict';

// Passwords are kept as "scrypt$SALT$KEY", both parts in hexadecimal.

const crypto = require('node:crypto');
const { promisify } = require('node:util');

const scrypt = promisify(crypto.scrypt);
const KEY_BYTES = 32;

async function hash(password) {
  const salt = crypto.randomBytes(16);
  const key = await scrypt(password, salt, KEY_BYTES);
  return `scrypt$${salt.toString('hex')}$${key.toString('hex')}`;
}

async function verify(password, stored) {
  const [scheme, salt, key] = stored.split('$');
  if (scheme !== 'scrypt') {
    return false;
  }
  const expected = Buffer.from(key, 'hex');
  const actual = await scrypt(password, Buffer.from(salt, 'hex'), expected.length);
  return crypto.timingSafeEqual(actual, expected);
}

module.exports = { hash, verify };
