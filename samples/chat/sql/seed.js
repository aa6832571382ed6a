'use strict';

// Writes the sample's data: SQL on stdout and the uploaded files into a folder.
//
//     node seed.js FOLDER >seed.sql
//
// The same bytes every time: random numbers and dates are counted from fixed ones.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const MESSAGES = 5000;
const PASSWORD = 'correct horse battery';
const folder = process.argv[2];

// A small generator of its own (mulberry32), since Math.random cannot be seeded.
let state = 20190417;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

const people = [
  ['ada', 'Ada Lindqvist', 'admin'],
  ['bruno', 'Bruno Castañeda', 'member'],
  ['chloe', 'Chloé Mercier', 'member'],
  ['dmitri', 'Дмитрий Орлов', 'member'],
  ['eilidh', 'Eilidh MacRae', 'member'],
  ['farid', 'Farid Rahimi', 'member'],
  ['greta', 'Greta Müßig', 'member'],
  ['haruka', '春香 Tanabe', 'member'],
  ['ines', 'Inês Carvalho', 'member'],
  ['jonas', 'Jónas Þórsson', 'member'],
  ['kasia', 'Kasia Żółkiewska', 'member'],
  ['liam', 'Liam O’Connor', 'member'],
];

const rooms = [
  ['general', 'General', 'Everything that concerns everyone'],
  ['workshop', 'Workshop', 'The machines, the bench and who broke it 🔧'],
  ['calibration', 'Calibration lab', 'Certificates, drifts and reference cells'],
  ['field-service', 'Field service', 'On the road: sites, parts, trains 🚆'],
  ['purchasing', 'Purchasing', 'Orders above 500 € need a second pair of eyes'],
  ['cafe', 'Café', 'Kuchen, crème brûlée and small talk ☕'],
  ['release-room', 'Release room', 'Firmware releases, step by step'],
  ['quiet', 'Quiet room', 'Nothing was said here yet'],
];

const openings = [
  'Good morning', 'Quick question', 'For the record', 'Heads up', 'Does anyone know', 'Done',
  'Übrigens', 'Tiny update', 'Bonjour', 'Reminder', 'Good news', 'Sorry for the noise', 'Доброе утро', 'お疲れさま',
];
const subjects = [
  'the torque sensor on bench 4', 'the São Paulo order', 'the naïve Bayes filter in firmware 3.2',
  'the pressure cell from Łódź', 'our café subscription', 'the façade of hall B', 'the reference cell no. 17',
  'the Zürich customer', 'ticket 4711', 'the new label printer', 'the déjà-vu bug', 'the 温度 probe',
  'the smörgåsbord on Friday', 'the coöperative’s invoice', 'the drift table',
];
const endings = [
  'is ready for pick-up.', 'drifts by 0.3 % again 😬', 'needs a second look before noon.',
  'passed the night run ✅', 'will be late, the courier is stuck in Málaga 🚚', 'is on my desk now.',
  'works since the reboot 🎉', 'has to wait until Jürgen is back.', 'was shipped today 📦',
  'looks fine to me 👍🏽', 'is still open, sorry!', 'costs 1.250,00 € net.', 'reads −40 °C, which cannot be right 🥶',
  'should be in the wiki: see “Messprotokolle”.', 'made the customer very happy 👩‍🔬✨', 'fails with error 0x1F.',
];
const short = [
  'Thanks!', 'Merci 🙏', 'On it.', 'Perfect 👌', '+1', 'Genau.', 'Who has the key to hall B?', '😂😂😂', 'Coffee in five? ☕',
  'Tak!', 'Спасибо', 'ありがとう！', 'Yes please', 'No idea 🤷', 'See you at the stand-up.', 'Größe passt.', '🇵🇹 🇮🇸 🇵🇱',
];

function sentence() {
  if (random() < 0.3) {
    return pick(short);
  }
  const text = `${pick(openings)}: ${pick(subjects)} ${pick(endings)}`;
  return random() < 0.15 ? `${text}\n${pick(openings)}, ${pick(subjects)} ${pick(endings)}` : text;
}

function files() {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 160" role="img">
<title>Drift of reference cell 17</title><rect width="320" height="160" fill="#f4f1ea"/>
<polyline fill="none" stroke="#1f6f6b" stroke-width="3" points="${Array.from(
    { length: 16 },
    (_, i) => `${10 + i * 20},${(120 - i * 3 - below(20)).toFixed(0)}`,
  ).join(' ')}"/></svg>\n`;
  const csv = `cell;day;reading\n${Array.from(
    { length: 200 },
    (_, i) => `17;${i + 1};${(20 + random() * 0.05).toFixed(4)}`,
  ).join('\n')}\n`;
  const note = 'Prüfprotokoll Nr. 17\n\nZelle geprüft, Abweichung 0,3 %. Nächste Prüfung in 12 Monaten. ✔\n';
  // Bytes that are no text, so that a copy that touches them shows.
  const trace = Buffer.from(Array.from({ length: 65536 }, () => below(256)));
  return [
    ['drift-cell-17.svg', 'image/svg+xml', Buffer.from(svg), 2],
    ['Kalibrierung März.csv', 'text/csv', Buffer.from(csv), 2],
    ['Prüfprotokoll 17.txt', 'text/plain', Buffer.from(note), 6],
    ['bench-4.trace', 'application/octet-stream', trace, 1],
    ['never-posted.txt', 'text/plain', Buffer.from('A draft that nobody posted.\n'), 3],
  ].map(([name, mime, bytes, user], index) => ({
    id: index + 1,
    name,
    mime,
    bytes,
    user,
    stored: crypto.createHash('sha256').update(`upload ${index}`).digest('hex').slice(0, 24) + path.extname(name),
    sha256: crypto.createHash('sha256').update(bytes).digest('hex'),
  }));
}

function quote(value) {
  if (value === null) {
    return 'NULL';
  }
  if (typeof value === 'number') {
    return String(value);
  }
  if (value instanceof Date) {
    return `'${value.toISOString().slice(0, 23).replace('T', ' ')}'`;
  }
  return `'${value.replace(/\\/g, '\\\\').replace(/'/g, "''").replace(/\n/g, '\\n')}'`;
}

function insert(table, columns, rows) {
  const parts = [];
  for (let start = 0; start < rows.length; start += 500) {
    const values = rows.slice(start, start + 500).map((row) => `(${row.map(quote).join(', ')})`);
    parts.push(`INSERT INTO ${table} (${columns.join(', ')}) VALUES\n${values.join(',\n')};\n`);
  }
  return parts.join('');
}

// The talk ends on the eve of this day.
const today = Date.UTC(2026, 9, 31);
const day = 24 * 60 * 60 * 1000;
const ago = (days, ms = 0) => new Date(today - days * day + ms);
const never = new Date(Date.UTC(2099, 11, 31));

function userRows() {
  return people.map(([name, display, role], index) => {
    const salt = crypto.createHash('sha256').update(`salt ${name}`).digest().subarray(0, 16);
    const key = crypto.scryptSync(PASSWORD, salt, 32);
    return [index + 1, name, display, `scrypt$${salt.toString('hex')}$${key.toString('hex')}`, role, ago(400 - index)];
  });
}

function messageRows(uploads) {
  const weights = rooms.flatMap((room, index) => Array(Math.max(0, 7 - index)).fill(index + 1));
  const posted = new Map(uploads.slice(0, 4).map((upload, i) => [MESSAGES - 40 + i * 9, upload]));
  // Ninety days of working hours, evenly spread, so that order of ids is order of time.
  return Array.from({ length: MESSAGES }, (_, index) => {
    const share = (index / MESSAGES) * 90;
    const hour = 7 + (share % 1) * 11;
    const at = ago(90 - Math.floor(share), Math.floor(hour * 3_600_000) + below(900));
    const upload = posted.get(index);
    return [
      index + 1,
      upload ? 3 : pick(weights),
      upload ? upload.user : 1 + below(people.length),
      upload ? upload.id : null,
      upload ? `Here is ${upload.name} 📎` : sentence(),
      at,
    ];
  });
}

const uploads = files();
for (const upload of uploads) {
  fs.writeFileSync(path.join(folder, upload.stored), upload.bytes);
}

process.stdout.write(
  [
    'SET NAMES utf8mb4;\nUSE chat;\n',
    insert('users', ['id', 'name', 'display_name', 'password_hash', 'role', 'created_at'], userRows()),
    insert(
      'rooms',
      ['id', 'slug', 'title', 'topic', 'created_by', 'created_at'],
      rooms.map(([slug, title, topic], index) => [index + 1, slug, title, topic, 1 + (index % 3), ago(380 - index)]),
    ),
    insert(
      'uploads',
      ['id', 'user_id', 'stored_name', 'original_name', 'mime', 'bytes', 'sha256', 'created_at'],
      uploads.map((f) => [f.id, f.user, f.stored, f.name, f.mime, f.bytes.length, f.sha256, ago(1, f.id * 1000)]),
    ),
    insert('messages', ['id', 'room_id', 'user_id', 'upload_id', 'body', 'created_at'], messageRows(uploads)),
    insert(
      'notices',
      ['id', 'kind', 'body', 'created_at', 'expires_at'],
      [
        [1, 'announcement', 'Welcome to Northfold’s chat 👋', ago(30), never],
        [2, 'announcement', 'Files that nobody posts are removed after two days.', ago(9), never],
        [3, 'maintenance', 'Short interruption on Sunday from 04:00 to 04:15 🛠', ago(2), never],
        [4, 'room', 'Chloé Mercier opened the room “Quiet room”', ago(1), never],
      ],
    ),
    insert(
      'digests',
      ['day', 'messages', 'active_users', 'uploads', 'busiest_room_id', 'written_at'],
      Array.from({ length: 7 }, (_, i) => {
        const written = ago(6 - i, (3 * 60 + 17) * 60_000);
        return [ago(7 - i).toISOString().slice(0, 10), 55 + below(3), 12, 0, 1, written];
      }),
    ),
  ].join('\n'),
);
