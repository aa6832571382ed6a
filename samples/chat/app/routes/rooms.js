'use strict';

// Rooms and what is said in them: /api/rooms.

const express = require('express');
const db = require('../db');
const feed = require('../feed');
const live = require('../ws');
const messages = require('../messages');
const { Problem, text, integer, requireLogin } = require('../problems');

const router = express.Router();

const SELECT = `
  SELECT id, slug, title, topic, created_by AS createdBy, message_count AS messageCount,
         last_message_at AS lastMessageAt, room_activity(id, 24) AS activity
    FROM room_overview`;

router.use(requireLogin);

router.get('/', async (req, res) => {
  res.json({ rooms: await db.rows(`${SELECT} ORDER BY title, id`) });
});

router.post('/', async (req, res) => {
  const slug = text(req.body?.slug, 'slug', { min: 2, max: 40, pattern: /^[a-z0-9]+(-[a-z0-9]+)*$/ });
  const title = text(req.body?.title ?? slug, 'title', { max: 80 });
  const topic = text(req.body?.topic ?? '', 'topic', { min: 0, max: 200 });
  try {
    await db.rows('INSERT INTO rooms (slug, title, topic, created_by) VALUES (?, ?, ?, ?)', [
      slug,
      title,
      topic,
      req.session.user.id,
    ]);
  } catch (error) {
    if (error.code === 'ER_DUP_ENTRY') {
      throw new Problem(409, 'room_exists', 'there is such a room already');
    }
    throw error;
  }
  await feed.publish('room', `${req.session.user.displayName} opened the room “${title}”`);
  const room = await db.row(`${SELECT} WHERE slug = ?`, [slug]);
  res.status(201).location(`/api/rooms/${slug}`).json({ room });
});

router.get('/:slug', async (req, res) => {
  const { slug } = await messages.findRoom(req.params.slug);
  const room = await db.row(`${SELECT} WHERE slug = ?`, [slug]);
  res.json({ room, present: live.present(slug) });
});

router.get('/:slug/messages', async (req, res) => {
  const before = integer(req.query.before, 'before', { min: 1, fallback: Number.MAX_SAFE_INTEGER });
  const limit = integer(req.query.limit, 'limit', { min: 1, max: 100, fallback: 50 });
  res.json(await messages.history(req.params.slug, { before, limit }));
});

router.post('/:slug/messages', async (req, res) => {
  const message = await messages.post(req.session.user, req.params.slug, req.body?.body, req.body?.uploadId);
  live.publish(message);
  res.status(201).json({ message });
});

module.exports = router;
