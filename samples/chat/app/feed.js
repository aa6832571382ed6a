'use strict';

// The feed of notices: who listens to /events, and what they are sent.

const db = require('./db');

const HEARTBEAT = 15_000;
const listeners = new Set();

function format(notice) {
  return `id: ${notice.id}\nevent: notice\ndata: ${JSON.stringify(notice)}\n\n`;
}

/** Sends what was missed (or the latest few) and then everything new until the client leaves. */
function subscribe(res, missed) {
  res.write('retry: 3000\n: connected\n\n');
  for (const notice of missed) {
    res.write(format(notice));
  }
  listeners.add(res);
  res.on('close', () => listeners.delete(res));
}

/** Keeps a notice and tells everyone who listens. */
async function publish(kind, body) {
  const result = await db.rows(
    'INSERT INTO notices (kind, body, expires_at) VALUES (?, ?, UTC_TIMESTAMP() + INTERVAL 30 DAY)',
    [kind, body],
  );
  const notice = await db.row('SELECT id, kind, body, created_at AS createdAt FROM notices WHERE id = ?', [
    result.insertId,
  ]);
  for (const res of listeners) {
    res.write(format(notice));
  }
  return notice;
}

function close() {
  clearInterval(timer);
  for (const res of listeners) {
    res.end();
  }
}

const timer = setInterval(() => {
  for (const res of listeners) {
    res.write(': heartbeat\n\n');
  }
}, HEARTBEAT);
timer.unref();

module.exports = { subscribe, publish, close, count: () => listeners.size };
