'use strict';

// The pages of the board: lists, single notices and their forms.

const express = require('express');
const audit = require('../audit');
const language = require('../language');
const notices = require('../notices');
const session = require('../session');
const users = require('../users');

const router = express.Router();

// For these and the account's pages, and for what is said of errors on either.
router.use(language.choose, (req, res, next) => {
  res.set('Cache-Control', 'private, no-cache');
  res.locals.user = req.session.user;
  res.locals.here = req.originalUrl;
  // Those who are logged in have a button with a token on every page.
  res.locals.csrf = req.session.user ? session.csrfToken(req) : '';
  next();
});

/** Those who are not logged in are sent to the form, and back after it. */
function mustLogIn(req, res, next) {
  if (req.session.user) {
    next();
  } else {
    res.redirect(303, `/login?next=${encodeURIComponent(req.originalUrl)}`);
  }
}

router.get('/', async (req, res) => {
  const asked = notices.filter(req.query);
  const [found, categories] = await Promise.all([notices.list(asked), notices.categories(res.locals.language)]);
  res.render('list', { title: res.locals.t('notices'), asked, found, categories, author: null });
});

router.get('/authors', async (req, res) => {
  res.render('authors', { title: res.locals.t('people'), authors: await users.all() });
});

router.get('/authors/:name', async (req, res) => {
  const author = await users.get(req.params.name);
  const asked = notices.filter({ ...req.query, author: author.name });
  const [found, categories] = await Promise.all([notices.list(asked), notices.categories(res.locals.language)]);
  res.render('list', { title: author.displayName, asked, found, categories, author });
});

router.get('/notices/new', mustLogIn, async (req, res) => {
  const categories = await notices.categories(res.locals.language);
  res.render('form', { title: res.locals.t('new_notice'), notice: {}, categories, action: '/notices', error: null });
});

router.post('/notices', mustLogIn, async (req, res) => {
  session.requireToken(req);
  const id = await notices.create(res, req.session.user, req.body);
  res.redirect(303, `/notices/${id}`);
});

router.get('/notices/:id', async (req, res) => {
  const notice = await notices.read(res, req.params.id, req.session.user);
  const isOwn = req.session.user?.id === notice.authorId;
  const history = isOwn ? await audit.of(notice.id) : [];
  const categories = await notices.categories(res.locals.language);
  res.render('notice', { title: notice.title, notice, isOwn, history, categories });
});

router.get('/notices/:id/edit', mustLogIn, async (req, res) => {
  const notice = await notices.own(req.params.id, req.session.user);
  const categories = await notices.categories(res.locals.language);
  const action = `/notices/${notice.id}`;
  res.render('form', { title: res.locals.t('edit_notice'), notice, categories, action, error: null });
});

router.post('/notices/:id', mustLogIn, async (req, res) => {
  session.requireToken(req);
  await notices.update(res, req.session.user, req.params.id, req.body);
  res.redirect(303, `/notices/${req.params.id}`);
});

router.post('/notices/:id/delete', mustLogIn, async (req, res) => {
  session.requireToken(req);
  await notices.remove(req.session.user, req.params.id);
  res.redirect(303, '/');
});

module.exports = router;
