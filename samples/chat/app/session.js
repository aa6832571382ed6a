'use strict';

// Log-in sessions: a cookie that names a row in the table "sessions".

const session = require('express-session');
const MySQLStore = require('express-mysql-session')(session);
const config = require('./config');
const db = require('./db');

const lifetime = config.sessionDays * 24 * 60 * 60 * 1000;

const store = new MySQLStore(
  {
    createDatabaseTable: false,
    clearExpired: true,
    checkExpirationInterval: 15 * 60 * 1000,
    expiration: lifetime,
    endConnectionOnClose: false,
  },
  db.pool,
);

const middleware = session({
  name: 'chat.sid',
  secret: config.sessionSecret,
  store,
  resave: false,
  saveUninitialized: false,
  cookie: {
    httpOnly: true,
    sameSite: 'lax',
    secure: 'auto',
    maxAge: lifetime,
  },
});

module.exports = { middleware, store };
