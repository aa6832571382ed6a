'use strict';

// Errors that are the caller's business, the checks that raise them, and how they are answered.

const { STATUS_CODES } = require('node:http');
const multer = require('multer');
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
  const trimmed = typeof value === 'string' ? value.trim() : '';
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
function integer(value, field, { min = 0, max = Number.MAX_SAFE_INTEGER, fallback = null } = {}) {
  if (value === undefined || value === null || value === '') {
    return fallback;
  }
  const number = Number(value);
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new Problem(422, 'invalid', `${field} must be a whole number from ${min} to ${max}`);
  }
  return number;
}

function requireLogin(req, res, next) {
  if (!req.session.user) {
    throw new Problem(401, 'login_required', 'log in first');
  }
  next();
}

function notFound(req, res) {
  res.status(404).json({ error: { code: 'not_found', message: `no such address: ${req.path}` } });
}

function statusOf(error) {
  if (error instanceof multer.MulterError) {
    return error.code === 'LIMIT_FILE_SIZE' ? 413 : 422;
  }
  return error.status || 500;
}

/** What a caller may know of an error: ours and the body parser's as they are, others by their status alone. */
function present(error, status) {
  if (error instanceof Problem) {
    return { code: error.code, message: error.message };
  }
  const code = STATUS_CODES[status].toLowerCase().replace(/[^a-z]+/g, '_');
  const told = error instanceof multer.MulterError || (error.type && status < 500) || !config.production;
  return { code, message: told ? error.message : STATUS_CODES[status] };
}

// Express knows an error handler by its four parameters.
function errorHandler(error, req, res, next) {
  const status = statusOf(error);
  if (status >= 500) {
    console.error(`${req.method} ${req.path}:`, error);
  }
  if (res.headersSent) {
    next(error);
    return;
  }
  const body = present(error, status);
  if (!config.production) {
    body.stack = error.stack;
  }
  res.status(status).json({ error: body });
}

module.exports = { Problem, text, integer, requireLogin, notFound, errorHandler };
