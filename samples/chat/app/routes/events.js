'use strict';

// GET /events: notices as server-sent events.

const express = require('express');
const db = require('../db');
const feed = require('../feed');

const router = express.Router();

const SELECT = 'SELECT id, kind, body, created_at AS createdAt FROM notices';

/** What a client has missed since the event it saw last; the latest three when it is new. */
async function missedSince(lastId) {
  if (/^\d{1,9}$/.test(lastId || '')) {
    return db.rows(`${SELECT} WHERE id > ? ORDER BY id LIMIT 100`, [lastId]);
  }
  return (await db.rows(`${SELECT} ORDER BY id DESC LIMIT 3`)).reverse();
}

router.get('/', async (req, res) => {
  const missed = await missedSince(req.get('Last-Event-ID'));
  res.set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
  });
  res.flushHeaders();
  feed.subscribe(res, missed);
});

module.exports = router;
