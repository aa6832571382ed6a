'use strict';

// Log-in, log-out, registration and the choice of language, all by form.

const express = require('express');
const language = require('../language');
const { Problem } = require('../problems');
const session = require('../session');
const users = require('../users');

const router = express.Router();

/** Where a form leads: an address of this board, nothing else. */
function next(given) {
  return typeof given === 'string' && /^\/(?![/\\])[\x21-\x7e]*$/.test(given) ? given : '/';
}

function showForm(req, res, view, error = null) {
  res.locals.csrf = session.csrfToken(req);
  res.render(view, {
    title: res.locals.t(view === 'login' ? 'log_in' : 'register_title'),
    name: req.body?.name ?? '',
    displayName: req.body?.displayName ?? '',
    next: next(req.body?.next ?? req.query.next),
    error,
  });
}

/** Logs in and sends on: the session and the language are set in one answer. */
function welcome(req, res, user) {
  session.start(req, user);
  language.remember(res, user.language);
  res.redirect(303, next(req.body.next));
}

/** What went wrong stands above the form again. */
function again(req, res, view, error) {
  if (!(error instanceof Problem)) {
    throw error;
  }
  res.status(error.status);
  const known = ['bad_login', 'name_taken'].includes(error.code);
  showForm(req, res, view, known ? res.locals.t(error.code) : error.message);
}

router.get('/login', (req, res) => showForm(req, res, 'login'));

router.post('/login', async (req, res) => {
  session.requireToken(req);
  try {
    welcome(req, res, await users.logIn(req.body));
  } catch (error) {
    again(req, res, 'login', error);
  }
});

router.get('/register', (req, res) => showForm(req, res, 'register'));

router.post('/register', async (req, res) => {
  session.requireToken(req);
  try {
    welcome(req, res, await users.register(req.body, res.locals.language));
  } catch (error) {
    again(req, res, 'register', error);
  }
});

router.post('/logout', (req, res) => {
  session.requireToken(req);
  session.end(req);
  res.redirect(303, '/');
});

router.post('/language', async (req, res) => {
  if (!language.isKnown(req.body?.language)) {
    throw new Problem(422, 'invalid', 'language is none of this board');
  }
  language.remember(res, req.body.language);
  if (req.session.user) {
    await users.setLanguage(req.session.user.id, req.body.language);
  }
  res.redirect(303, next(req.body.next));
});

module.exports = router;
