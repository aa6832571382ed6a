'use strict';

// The administrators' page at /admin/. nginx asks for a password before anyone gets here.

const express = require('express');
const db = require('../db');
const feed = require('../feed');
const live = require('../ws');
const { text } = require('../problems');

const router = express.Router();

function escape(value) {
  return String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

function page({ totals, rooms }) {
  const rows = rooms
    .map((r) => `<tr><td>${escape(r.title)}</td><td>${r.message_count}</td><td>${live.present(r.slug).length}</td></tr>`)
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Northfold chat: administration</title>
<link rel="icon" href="/favicon.ico"></head>
<body>
<h1>Administration</h1>
<p>${totals.users} users, ${totals.messages} messages, ${totals.uploads} files;
${live.count()} live connections, ${feed.count()} listeners.</p>
<table><thead><tr><th>Room</th><th>Messages</th><th>Present</th></tr></thead>
<tbody>
${rows}
</tbody></table>
<h2>New notice</h2>
<form method="post" action="/admin/notices">
<input name="body" maxlength="300" required> <button>Publish</button>
</form>
</body></html>
`;
}

router.get('/', async (req, res) => {
  const totals = await db.row(
    `SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM messages) AS messages,
            (SELECT COUNT(*) FROM uploads) AS uploads`,
  );
  const rooms = await db.rows('SELECT slug, title, message_count FROM room_overview ORDER BY title');
  res.set('Cache-Control', 'no-store').send(page({ totals, rooms }));
});

router.post('/notices', async (req, res) => {
  await feed.publish('announcement', text(req.body?.body, 'body', { max: 300 }));
  res.redirect(303, '/admin/');
});

module.exports = router;
