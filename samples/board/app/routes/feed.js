'use strict';

// GET /feed.atom: the newest notices for feed readers.

const express = require('express');
const notices = require('../notices');

const router = express.Router();

router.get('/feed.atom', async (req, res) => {
  const { notices: newest } = await notices.list(notices.filter({ per_page: 20 }));
  res.set('Cache-Control', 'public, max-age=300').type('application/atom+xml');
  res.render('feed', { newest });
});

module.exports = router;
