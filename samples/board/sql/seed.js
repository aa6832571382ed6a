'use strict';

// Writes the sample's data as SQL on stdout: node seed.js >seed.sql
//
// The same bytes every time: random numbers and dates are counted from fixed ones.

const crypto = require('node:crypto');

const PASSWORD = 'linden blossom tea';
const NOTICES = 140;

// A small generator of its own (mulberry32), since Math.random cannot be seeded.
let state = 19870501;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

/** As many different ones as asked for. */
function some(list, count) {
  const rest = [...list];
  return Array.from({ length: count }, () => rest.splice(below(rest.length), 1)[0]);
}

const people = [
  ['edith', 'Edith Brönnimann', 'de'],
  ['luca', 'Luca Bernasconi', 'de'],
  ['zoe', 'Zoë Müller-Okafor', 'en'],
  ['hans', 'Hans-Jörg Öttli', 'de'],
  ['amelie', 'Amélie Façon', 'en'],
  ['tomasz', 'Tomasz Wiśniewski', 'en'],
  ['ngozi', 'Ngọzi Eze', 'en'],
  ['ruth', 'Ruth Käser 🌻', 'de'],
  ['yuki', '由紀 Sato', 'en'],
  ['beat', 'Beat Zürcher', 'de'],
];

const categories = [
  ['offer', 'Offered', 'Biete'],
  ['wanted', 'Wanted', 'Suche'],
  ['event', 'Events', 'Anlässe'],
  ['lost', 'Lost and found', 'Verloren und gefunden'],
  ['house', 'From the association', 'Aus dem Verein'],
];

// For each category: titles, and sentences of which a text is made.
const talk = [
  [
    ['Quitten aus dem Garten 🍐', 'Zwei Velos, kaum gefahren', 'Cello lessons for beginners 🎻', 'Sourdough starter, very lively',
      'Umzugskartons zu verschenken 📦', 'Children’s skis, 110 cm', 'Nachhilfe in Français', 'A crate of Boskoop apples 🍎'],
    ['Abzuholen nach 18 Uhr, bitte läuten bei «Käser».', 'Free to whoever comes first!', 'Alles in gutem Zustand, Preis nach Absprache (ca. 40 CHF).',
      'I can bring it over on my bike 🚲.', 'Très peu utilisé, comme neuf.', 'Nur Barzahlung oder Tausch gegen Kuchen 🍰.'],
  ],
  [
    ['Katzensitter gesucht 🐈', 'Room for a quiet student', 'Suche Bohrmaschine fürs Wochenende', 'Looking for a chess partner ♟',
      'Parkplatz nahe Lindenplatz', 'Old jam jars wanted', 'Wer hat ein Waffeleisen?', 'Jemand, der Ukrainisch spricht 🇺🇦'],
    ['From Friday to Sunday, at most two weeks.', 'Gegen ein gutes Nachtessen.', 'Please write to me or ring at no. 14.',
      'Wir wohnen gleich neben der Bäckerei.', 'Merci d’avance!', 'Budget: up to 650.– a month, incl. heating.'],
  ],
  [
    ['Sommerfest auf dem Lindenplatz 🎉', 'Flohmarkt im Pfarrhaus', 'Reading circle: «Homo Faber»', 'Fondue evening 🧀',
      'Räbeliechtli-Umzug', 'Choir rehearsal, everyone welcome', 'Offenes Singen', 'Repair café: bring what is broken 🔧'],
    ['Start at 19:30, doors from 19:00.', 'Bei Regen im Kirchgemeindehaus ☔.', 'Children under 12 go free 👨‍👩‍👧‍👦.', 'Anmeldung bis Mittwoch.',
      'Bring a chair and something to drink.', 'Wir freuen uns auf euch — à bientôt!'],
  ],
  [
    ['Schlüsselbund gefunden 🔑', 'Grey cat, white paws 🐾', 'Regenschirm im Bus 12', 'Lost: a silver earring', 'Kindervelo vor Nr. 7',
      'Found: one glove, left 🧤'],
    ['Gefunden am Brunnen, abzuholen bei mir.', 'She answers to “Mimi”, sometimes.', 'Finderlohn: ein Glas Honig 🍯.', 'Call me at any time.',
      'Zuletzt gesehen an der Gäßli-Treppe.'],
  ],
  [
    ['Protokoll der Versammlung', 'Membership fee: 30 CHF a year', 'Baustelle an der Allee 🚧', 'New benches on the square', 'Helferinnen gesucht'],
    ['Das Protokoll liegt im Café aus.', 'Thanks to all who voted: 61 yes, 4 no.', 'Die Arbeiten dauern bis Ende Monat.', 'The fee stays as it is.',
      'Fragen an den Vorstand: Edith Brönnimann.'],
  ],
];

function quote(value) {
  if (value === null) {
    return 'NULL';
  }
  if (typeof value === 'number') {
    return String(value);
  }
  if (value instanceof Date) {
    return `'${value.toISOString().slice(0, 19).replace('T', ' ')}'`;
  }
  return `'${value.replace(/\\/g, '\\\\').replace(/'/g, "''").replace(/\n/g, '\\n')}'`;
}

function insert(table, columns, rows) {
  const values = rows.map((row) => `(${row.map(quote).join(', ')})`);
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES\n${values.join(',\n')};\n`;
}

// The newest notice is of the eve of this day.
const today = Date.UTC(2026, 9, 31);
const day = 24 * 60 * 60 * 1000;
const at = (days, ms = 0) => new Date(today - days * day + ms);
const dateOf = (days) => at(days).toISOString().slice(0, 10);

function userRows() {
  return people.map(([name, display, language], index) => {
    const salt = crypto.createHash('sha256').update(`salt ${name}`).digest().subarray(0, 16);
    const key = crypto.scryptSync(PASSWORD, salt, 32);
    const hash = `scrypt$${salt.toString('hex')}$${key.toString('hex')}`;
    return [index + 1, name, display, hash, language, at(900 - index * 70, 9 * 3_600_000 + index * 61_000)];
  });
}

function noticeRows() {
  const told = talk.map(() => 0);
  return Array.from({ length: NOTICES }, (_, index) => {
    const category = pick([0, 0, 0, 1, 1, 2, 2, 2, 3, 4]);
    const [titles, sentences] = talk[category];
    const age = Math.floor((NOTICES - index) * 0.7) + 1;
    const created = at(age, (6 + (index % 7)) * 3_600_000 + below(3_500_000));
    const title = titles[told[category]++ % titles.length];
    const [first, second, third] = some(sentences, 3);
    const body = `${first} ${second}${random() < 0.4 ? `\n\n${third}` : ''}`;
    // Some had a last day: those of the older half are down, of the newer half few will go soon, most hang for years.
    const ends = random() < 0.35;
    const isDown = ends && age > 45;
    const expires = isDown ? dateOf(age - 21) : ends ? (random() < 0.3 ? dateOf(1) : '2099-12-31') : null;
    const expiredAt = isDown ? at(age - 20, -115 * 60_000) : null;
    const updated = !isDown && random() < 0.15 ? new Date(created.getTime() + 5_400_000) : null;
    return [index + 1, category === 4 ? 1 : 1 + below(people.length), category + 1, title, body, expires, expiredAt, created, updated];
  });
}

function auditRows(notices) {
  const rows = [];
  for (const [id, author, , , , , , created] of notices) {
    rows.push([author, id, 'create', created]);
    for (let reader = 1; reader <= people.length; reader += 1) {
      if (reader !== author && random() < 0.3) {
        rows.push([reader, id, 'read', new Date(created.getTime() + 600_000 * (1 + below(30)))]);
      }
    }
  }
  // In the order of time, as they would have been written.
  return rows.sort((one, other) => one[3] - other[3]).map((row, index) => [index + 1, ...row]);
}

const notices = noticeRows();
process.stdout.write(
  [
    "SET NAMES utf8mb4;\nSET time_zone = '+00:00';\nUSE noticeboard;\n",
    insert('users', ['id', 'name', 'display_name', 'password_hash', 'language', 'created_at'], userRows()),
    insert(
      'categories',
      ['id', 'slug', 'name_en', 'name_de'],
      categories.map((names, index) => [index + 1, ...names]),
    ),
    insert(
      'notices',
      ['id', 'author_id', 'category_id', 'title', 'body', 'expires_on', 'expired_at', 'created_at', 'updated_at'],
      notices,
    ),
    insert('audit', ['id', 'user_id', 'notice_id', 'action', 'at'], auditRows(notices)),
  ].join('\n'),
);
