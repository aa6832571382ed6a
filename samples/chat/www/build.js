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
const MENTION = /\/assets\/([a-z0-9.-]+\.[a-z0-9]+)/g;

const published = new Map();

/** Publishes an asset, first those that it mentions, and returns its hashed name. */
function publish(name) {
  if (!published.has(name)) {
    const content = rewrite(path.join(source, 'assets', name));
    const hash = crypto.createHash('sha256').update(content).digest('hex').slice(0, 10);
    const { name: stem, ext } = path.parse(name);
    published.set(name, `${stem}-${hash}${ext}`);
    fs.writeFileSync(path.join(target, 'assets', published.get(name)), content);
  }
  return published.get(name);
}

/** A file's content with the assets it mentions under their hashed names. */
function rewrite(file) {
  const content = fs.readFileSync(file);
  if (!TEXT.test(file)) {
    return content;
  }
  return Buffer.from(content.toString().replace(MENTION, (_, name) => `/assets/${publish(name)}`));
}

fs.mkdirSync(path.join(target, 'assets'), { recursive: true });
for (const entry of fs.readdirSync(source, { withFileTypes: true })) {
  if (entry.isFile()) {
    fs.writeFileSync(path.join(target, entry.name), rewrite(path.join(source, entry.name)));
  }
}
