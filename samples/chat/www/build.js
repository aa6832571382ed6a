'use strict';

// Puts the front end together: node build.js TARGET.
//
// What lies in src/assets goes to TARGET/assets under a name with a hash of its content;
// the other files keep their names, and every mention of an asset is rewritten.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const source = path.join(__dirname, 'src');
const target = process.argv[2];
const TEXT = /\.(html|css|js|webmanifest|svg|txt)$/;

function hashed(name, content) {
  const hash = crypto.createHash('sha256').update(content).digest('hex').slice(0, 10);
  const { name: stem, ext } = path.parse(name);
  return `${stem}-${hash}${ext}`;
}

/** Replaces "/assets/NAME" by its hashed name for all names known so far. */
function rewrite(name, content, names) {
  if (!TEXT.test(name)) {
    return content;
  }
  let text = content.toString();
  for (const [from, to] of names) {
    text = text.replaceAll(`/assets/${from}`, `/assets/${to}`);
  }
  return Buffer.from(text);
}

// Scripts may mention style sheets, style sheets fonts and pictures: those come first.
const ORDER = ['.woff2', '.png', '.svg', '.css', '.js'];
const order = (name) => ORDER.indexOf(path.extname(name));

function files(folder) {
  return fs.existsSync(folder)
    ? fs.readdirSync(folder, { withFileTypes: true }).filter((f) => f.isFile()).map((f) => f.name).sort()
    : [];
}

const names = new Map();
fs.mkdirSync(path.join(target, 'assets'), { recursive: true });
for (const name of files(path.join(source, 'assets')).sort((a, b) => order(a) - order(b))) {
  const content = rewrite(name, fs.readFileSync(path.join(source, 'assets', name)), names);
  names.set(name, hashed(name, content));
  fs.writeFileSync(path.join(target, 'assets', names.get(name)), content);
}
for (const name of files(source)) {
  fs.writeFileSync(path.join(target, name), rewrite(name, fs.readFileSync(path.join(source, name)), names));
}
