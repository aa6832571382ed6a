'use strict';

// Notices as a list: /api/notices. Administrators write new ones; /events carries them live.

const express = require('express');
const db = require('../db');
const feed = require('../feed');
const { Problem, text, integer, requireLogin } = require('../problems');

const router = express.Router();

router.get('/', async (req, res) => {
  const limit = integer(req.query.limit, 'limit', { min: 1, max: 50, fallback: 10 });
  const notices = await db.rows(
    'SELECT id, kind, body, created_at AS createdAt FROM notices ORDER BY id DESC LIMIT ?',
    [String(limit)],
  );
  res.json({ notices });
});

router.post('/', requireLogin, async (req, res) => {
  if (req.session.user.role !== 'admin') {
    throw new Problem(403, 'not_admin', 'only administrators write notices');
  }
  const body = text(req.body?.body, 'body', { max: 300 });
  res.status(201).json({ notice: await feed.publish('announcement', body) });
});

module.exports = router;
