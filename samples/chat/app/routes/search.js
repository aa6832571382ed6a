'use strict';

// GET /api/search?q=…: messages that hold some words, in one room or in all.

const express = require('express');
const messages = require('../messages');
const { text, integer, requireLogin } = require('../problems');

const router = express.Router();

router.get('/', requireLogin, async (req, res) => {
  const query = text(req.query.q, 'q', { min: 2, max: 100 });
  const limit = integer(req.query.limit, 'limit', { min: 1, max: 100, fallback: 20 });
  res.json({ query, messages: await messages.search(query, req.query.room, limit) });
});

module.exports = router;
