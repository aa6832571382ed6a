'use strict';

// Addresses of the static files. Their published names carry a hash and stand in assets.json,
// which is written when the files are published; without it the plain names hold.

const fs = require('node:fs');
const path = require('node:path');

const list = path.join(__dirname, 'assets.json');
const published = fs.existsSync(list) ? JSON.parse(fs.readFileSync(list, 'utf8')) : {};

module.exports = (name) => `/static/${published[name] ?? name}`;
