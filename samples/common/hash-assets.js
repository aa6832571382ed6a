'use strict';

// Puts a front end together: node hash-assets.js SOURCE TARGET FOLDER [MANIFEST].
//
// What lies in SOURCE/FOLDER goes to TARGET/FOLDER under a name with a hash of its content;
// the other files keep their names, and every mention of an asset is rewritten. MANIFEST is
// written for programs that mention assets themselves: {"NAME": "HASHED NAME"}.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const [source, target, folder, manifest] = process.argv.slice(2);
const TEXT = /\.(html|css|js|webmanifest|svg|txt)$/;
const MENTION = new RegExp(`/${folder}/([a-z0-9.-]+\\.[a-z0-9]+)`, 'g');

const published = new Map();

/** Publishes an asset, first those that it mentions, and returns its hashed name. */
function publish(name) {
  if (!published.has(name)) {
    const content = rewrite(path.join(source, folder, name));
    const hash = crypto.createHash('sha256').update(content).digest('hex').slice(0, 10);
    const { name: stem, ext } = path.parse(name);
    published.set(name, `${stem}-${hash}${ext}`);
    fs.writeFileSync(path.join(target, folder, published.get(name)), content);
  }
  return published.get(name);
}

/** A file's content with the assets it mentions under their hashed names. */
function rewrite(file) {
  const content = fs.readFileSync(file);
  if (!TEXT.test(file)) {
    return content;
  }
  return Buffer.from(content.toString().replace(MENTION, (_, name) => `/${folder}/${publish(name)}`));
}

/** The files of a folder and, but for the assets, of the folders in it. */
function copy(from, to) {
  fs.mkdirSync(to, { recursive: true });
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const file = path.join(from, entry.name);
    if (entry.isFile()) {
      fs.writeFileSync(path.join(to, entry.name), rewrite(file));
    } else if (file !== path.join(source, folder)) {
      copy(file, path.join(to, entry.name));
    }
  }
}

fs.mkdirSync(path.join(target, folder), { recursive: true });
copy(source, target);
if (manifest) {
  for (const name of fs.readdirSync(path.join(source, folder)).sort()) {
    publish(name);
  }
  fs.writeFileSync(manifest, `${JSON.stringify(Object.fromEntries([...published].sort()), null, 2)}\n`);
}
