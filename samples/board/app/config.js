'use strict';

// Everything the server is told from outside, read once and checked once.

function required(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`environment variable ${name} is not set`);
  }
  return value;
}

function number(name, fallback) {
  const value = Number(process.env[name] || fallback);
  if (!Number.isInteger(value) || value < 0) {
    throw new Error(`environment variable ${name} is not a whole number`);
  }
  return value;
}

function choice(name, values) {
  const value = process.env[name] || values[0];
  if (!values.includes(value)) {
    throw new Error(`environment variable ${name} is none of ${values.join(', ')}`);
  }
  return value;
}

module.exports = {
  production: process.env.NODE_ENV === 'production',
  host: process.env.HOST || '127.0.0.1',
  port: number('PORT', 8080),
  // Where readers find the board: for links in the feed, which are read elsewhere.
  publicUrl: (process.env.PUBLIC_URL || 'http://localhost:8080').replace(/\/+$/, ''),
  // Which addresses may say where a request came from (see "trust proxy" in Express).
  trustProxy: process.env.TRUST_PROXY || 'loopback',
  cookieSecret: required('COOKIE_SECRET'),
  sessionDays: number('SESSION_DAYS', 14),
  // When the audit row of a request is written: before its answer, or a moment after it.
  audit: choice('AUDIT', ['before', 'after']),
  database: {
    host: process.env.MYSQL_HOST || '127.0.0.1',
    port: number('MYSQL_PORT', 3306),
    user: process.env.MYSQL_USER || 'board',
    password: required('MYSQL_PASSWORD'),
    database: process.env.MYSQL_DATABASE || 'noticeboard',
    connectionLimit: number('MYSQL_POOL_SIZE', 5),
  },
};
