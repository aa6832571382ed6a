'use strict';

// Errors that are the caller's business, the checks that raise them, and how they are answered.

const { STATUS_CODES } = require('node:http');
const config = require('./config');

class Problem extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A string of min to max characters, trimmed; otherwise a 422. */
function text(value, field, { min = 1, max = 200, pattern = null } = {}) {
  const trimmed = typeof value === 'string' ? value.trim().replace(/\r\n/g, '\n') : '';
  const length = [...trimmed].length;
  if (length < min || length > max) {
    throw new Problem(422, 'invalid', `${field} must have ${min} to ${max} characters`);
  }
  if (pattern && !pattern.test(trimmed)) {
    throw new Problem(422, 'invalid', `${field} holds characters that are not allowed`);
  }
  return trimmed;
}

/** A whole number between min and max, or the fallback when nothing was given. */
function integer(value, field, { min = 1, max = 2 ** 31, fallback = null } = {}) {
  if (value === undefined || value === null || value === '') {
    return fallback;
  }
  const number = Number(value);
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new Problem(422, 'invalid', `${field} must be a whole number from ${min} to ${max}`);
  }
  return number;
}

/** A day as YYYY-MM-DD, or null when nothing was given. */
function day(value, field) {
  if (value === undefined || value === null || value === '') {
    return null;
  }
  const known = /^\d{4}-\d{2}-\d{2}$/.test(value) && new Date(`${value}T00:00:00Z`);
  if (!known || Number.isNaN(known.getTime()) || known.toISOString().slice(0, 10) !== value) {
    throw new Problem(422, 'invalid', `${field} must be a day, YYYY-MM-DD`);
  }
  return value;
}

function notFound(req) {
  throw new Problem(404, 'not_found', `no such address: ${req.path}`);
}

/** What a caller may know of an error: ours and the body parser's as they are, others by their status alone. */
function present(error, status) {
  if (error instanceof Problem) {
    return { code: error.code, message: error.message };
  }
  const code = STATUS_CODES[status].toLowerCase().replace(/[^a-z]+/g, '_');
  const told = (error.type && status < 500) || !config.production;
  return { code, message: told ? error.message : STATUS_CODES[status] };
}

// Express knows an error handler by its four parameters.
function errorHandler(error, req, res, next) {
  const status = error.status || 500;
  if (status >= 500) {
    console.error(`${req.method} ${req.path}:`, error);
  }
  if (res.headersSent) {
    next(error);
    return;
  }
  const shown = present(error, status);
  res.status(status).set('Cache-Control', 'no-store');
  if (req.path.startsWith('/api/') || !res.locals.t) {
    res.json({ error: shown });
  } else {
    res.render('problem', { title: res.locals.t(status === 404 ? 'not_found' : 'problem'), status, shown });
  }
}

module.exports = { Problem, text, integer, day, notFound, errorHandler };
