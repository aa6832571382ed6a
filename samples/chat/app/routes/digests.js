'use strict';

// GET /api/digests: what the nightly job wrote about past days.

const express = require('express');
const db = require('../db');
const { requireLogin } = require('../problems');

const router = express.Router();

router.get('/', requireLogin, async (req, res) => {
  const digests = await db.rows(
    `SELECT DATE_FORMAT(d.day, '%Y-%m-%d') AS day, d.messages, d.active_users AS activeUsers, d.uploads,
            r.slug AS busiestRoom
       FROM digests d LEFT JOIN rooms r ON r.id = d.busiest_room_id
      ORDER BY d.day DESC LIMIT 14`,
  );
  res.json({ digests });
});

module.exports = router;
