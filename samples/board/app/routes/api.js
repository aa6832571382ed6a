'use strict';

// The JSON API: /api/session, /api/notices, /api/authors. Changes need the token of /api/session in X-CSRF-Token.

const express = require('express');
const audit = require('../audit');
const notices = require('../notices');
const session = require('../session');
const users = require('../users');

const router = express.Router();

function present({ authorId, authorName, author, ...notice }) {
  return { ...notice, author: { name: author, displayName: authorName }, avatar: `/authors/${author}/avatar.png` };
}

router.use((req, res, next) => {
  res.set('Cache-Control', 'private, no-cache');
  next();
});

router.get('/session', (req, res) => {
  res.json({ user: req.session.user ?? null, csrf: session.csrfToken(req) });
});

router.get('/categories', async (req, res) => {
  res.json({ categories: await notices.categories(req.acceptsLanguages('en', 'de') || 'en') });
});

router.get('/notices', async (req, res) => {
  const { notices: found, ...page } = await notices.list(notices.filter(req.query));
  res.json({ notices: found.map(present), ...page });
});

router.get('/notices/:id', async (req, res) => {
  res.json({ notice: present(await notices.read(res, req.params.id, req.session.user)) });
});

router.get('/notices/:id/history', session.requireLogin, async (req, res) => {
  const { id } = await notices.own(req.params.id, req.session.user);
  res.json({ history: await audit.of(id) });
});

router.post('/notices', session.requireLogin, async (req, res) => {
  session.requireToken(req);
  const id = await notices.create(res, req.session.user, req.body ?? {});
  res.status(201).location(`/api/notices/${id}`).json({ notice: present(await notices.get(String(id))) });
});

router.patch('/notices/:id', session.requireLogin, async (req, res) => {
  session.requireToken(req);
  await notices.update(res, req.session.user, req.params.id, req.body ?? {});
  res.json({ notice: present(await notices.get(req.params.id)) });
});

router.delete('/notices/:id', session.requireLogin, async (req, res) => {
  session.requireToken(req);
  await notices.remove(req.session.user, req.params.id);
  res.status(204).end();
});

router.get('/authors', async (req, res) => {
  res.json({ authors: await users.all() });
});

router.get('/authors/:name', async (req, res) => {
  const { id, ...author } = await users.get(req.params.name);
  const { total } = await notices.list(notices.filter({ author: author.name }));
  res.json({ author: { ...author, notices: total, avatar: `/authors/${author.name}/avatar.png` } });
});

module.exports = router;
