'use strict';

// GET /healthz, for those who run the server.

const express = require('express');
const db = require('../db');
const { version } = require('../package.json');

const router = express.Router();

router.get('/healthz', async (req, res) => {
  res.set('Cache-Control', 'no-store');
  try {
    await db.rows('SELECT 1');
    res.json({ status: 'ok', version });
  } catch (error) {
    console.error('health:', error.message);
    res.status(503).json({ status: 'no database', version });
  }
});

module.exports = router;
