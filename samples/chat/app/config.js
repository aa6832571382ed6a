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

module.exports = {
  production: process.env.NODE_ENV === 'production',
  host: process.env.HOST || '127.0.0.1',
  port: number('PORT', 3000),
  // Which addresses may say where a request came from (see "trust proxy" in Express).
  trustProxy: process.env.TRUST_PROXY || 'loopback',
  sessionSecret: required('SESSION_SECRET'),
  sessionDays: number('SESSION_DAYS', 7),
  uploadDir: process.env.UPLOAD_DIR || '/var/lib/chat/uploads',
  uploadMaxBytes: number('UPLOAD_MAX_BYTES', 16 * 1024 * 1024),
  uploadKeepDays: number('UPLOAD_KEEP_DAYS', 2),
  database: {
    host: process.env.DB_HOST || '127.0.0.1',
    port: number('DB_PORT', 3306),
    user: process.env.DB_USER || 'chat',
    password: required('DB_PASSWORD'),
    database: process.env.DB_NAME || 'chat',
    connectionLimit: number('DB_POOL_SIZE', 10),
  },
};
