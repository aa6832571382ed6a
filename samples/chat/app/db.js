'use strict';

// The one pool of database connections, and short forms for what the routes ask.

const mysql = require('mysql2/promise');
const config = require('./config');

const pool = mysql.createPool({
  ...config.database,
  charset: 'utf8mb4_unicode_ci',
  timezone: 'Z',
  enableKeepAlive: true,
});

/** All rows of a query. */
async function rows(sql, values = []) {
  const [result] = await pool.execute(sql, values);
  return result;
}

/** The first row of a query, or null. */
async function row(sql, values = []) {
  return (await rows(sql, values))[0] || null;
}

/** Writes a message through the stored procedure and returns its id. */
async function postMessage({ roomId, userId, body, uploadId = null }) {
  const connection = await pool.getConnection();
  try {
    await connection.query('CALL post_message(?, ?, ?, ?, @message_id)', [roomId, userId, body, uploadId]);
    const [[{ id }]] = await connection.query('SELECT @message_id AS id');
    return Number(id);
  } finally {
    connection.release();
  }
}

async function close() {
  await pool.end();
}

module.exports = { pool, rows, row, postMessage, close };
