'use strict';

// Who is logged in: all of it in a signed cookie, so that any process can answer any request.

const crypto = require('node:crypto');
const cookieSession = require('cookie-session');
const config = require('./config');
const { Problem } = require('./problems');

const DAY = 24 * 60 * 60 * 1000;

const middleware = cookieSession({
  name: 'board',
  keys: [config.cookieSecret],
  maxAge: config.sessionDays * DAY,
  httpOnly: true,
  sameSite: 'lax',
});

/** The token that forms and API calls of this session must bring; made when first asked for. */
function csrfToken(req) {
  req.session.csrf ||= crypto.randomBytes(18).toString('base64url');
  return req.session.csrf;
}

/** Refuses a change whose form field or header does not bring the session's token. */
function requireToken(req) {
  const brought = Buffer.from(String(req.get('x-csrf-token') ?? req.body?.csrf ?? ''));
  const expected = Buffer.from(req.session.csrf ?? '');
  if (!expected.length || brought.length !== expected.length || !crypto.timingSafeEqual(brought, expected)) {
    throw new Problem(403, 'bad_token', 'the form is too old or came from elsewhere; load it again');
  }
}

/** Middleware: refuses those who are not logged in. */
function requireLogin(req, res, next) {
  if (!req.session.user) {
    throw new Problem(401, 'login_required', 'log in first');
  }
  next();
}

/** Logs a user in, with a new token. */
function start(req, { id, name, displayName }) {
  req.session = { user: { id, name, displayName } };
  csrfToken(req);
}

function end(req) {
  req.session = null;
}

module.exports = { middleware, csrfToken, requireToken, requireLogin, start, end };
