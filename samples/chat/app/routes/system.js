'use strict';

// Routes for those who run the server: health, a slow answer, an echo of the request.

const express = require('express');
const db = require('../db');
const { integer } = require('../problems');
const { version } = require('../package.json');

const router = express.Router();

const ECHOED = /^(host|user-agent|accept.*|content-.*|origin|referer|via|forwarded|x-.*|.*_.*)$/;

router.get('/health', async (req, res) => {
  try {
    await db.rows('SELECT 1');
    res.set('Cache-Control', 'no-store').json({ status: 'ok', database: 'ok', version });
  } catch (error) {
    console.error('health:', error.message);
    res.status(503).set('Cache-Control', 'no-store').json({ status: 'failing', database: 'unreachable', version });
  }
});

router.get('/slow', async (req, res) => {
  const ms = integer(req.query.ms, 'ms', { max: 120_000, fallback: 1000 });
  await new Promise((resolve) => setTimeout(resolve, ms));
  res.json({ waited: ms });
});

router.all('/echo', (req, res) => {
  const headers = Object.fromEntries(Object.entries(req.headers).filter(([name]) => ECHOED.test(name)));
  res.json({
    method: req.method,
    path: req.originalUrl,
    protocol: req.protocol,
    host: req.host,
    ip: req.ip,
    ips: req.ips,
    url: `${req.protocol}://${req.host}${req.originalUrl}`,
    headers,
  });
});

module.exports = router;
