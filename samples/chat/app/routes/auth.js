'use strict';

// Accounts and sessions: /api/register, /api/login, /api/logout, /api/me.

const express = require('express');
const { promisify } = require('node:util');
const db = require('../db');
const passwords = require('../passwords');
const { Problem, text, requireLogin } = require('../problems');

const router = express.Router();

const NAME = /^[a-z][a-z0-9_-]*$/;

function publicUser({ id, name, display_name: displayName, role }) {
  return { id, name, displayName, role };
}

/** A fresh session, so that an id planted before the log-in is worth nothing after it. */
async function startSession(req, user) {
  await promisify(req.session.regenerate).call(req.session);
  req.session.user = user;
  await promisify(req.session.save).call(req.session);
}

router.post('/register', async (req, res) => {
  const name = text(req.body?.name, 'name', { min: 2, max: 32, pattern: NAME });
  const password = text(req.body?.password, 'password', { min: 8, max: 200 });
  const displayName = text(req.body?.displayName ?? name, 'displayName', { max: 64 });
  let id;
  try {
    const result = await db.rows('INSERT INTO users (name, display_name, password_hash) VALUES (?, ?, ?)', [
      name,
      displayName,
      await passwords.hash(password),
    ]);
    id = result.insertId;
  } catch (error) {
    if (error.code === 'ER_DUP_ENTRY') {
      throw new Problem(409, 'name_taken', 'this name is taken');
    }
    throw error;
  }
  const user = { id, name, displayName, role: 'member' };
  await startSession(req, user);
  res.status(201).json({ user });
});

router.post('/login', async (req, res) => {
  const name = text(req.body?.name, 'name', { max: 32 });
  const password = text(req.body?.password, 'password', { max: 200 });
  const found = await db.row(
    'SELECT id, name, display_name, role, password_hash FROM users WHERE name = ?',
    [name],
  );
  if (!found || !(await passwords.verify(password, found.password_hash))) {
    throw new Problem(401, 'bad_login', 'name or password is wrong');
  }
  await db.rows('UPDATE users SET last_seen_at = UTC_TIMESTAMP() WHERE id = ?', [found.id]);
  const user = publicUser(found);
  await startSession(req, user);
  res.json({ user });
});

router.post('/logout', async (req, res) => {
  await promisify(req.session.destroy).call(req.session);
  res.clearCookie('chat.sid').status(204).end();
});

router.get('/me', requireLogin, (req, res) => {
  res.json({ user: req.session.user });
});

module.exports = router;
