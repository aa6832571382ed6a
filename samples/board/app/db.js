'use strict';

// The one pool of database connections, and short forms for what the routes ask.

const mysql = require('mysql2/promise');
const config = require('./config');

// Points in time are read in the process's own time zone, in which the database keeps them, too.
const pool = mysql.createPool({ ...config.database, charset: 'utf8mb4_unicode_ci', dateStrings: ['DATE'] });

/** All rows of a query. */
async function rows(sql, values = []) {
  const [result] = await pool.execute(sql, values);
  return result;
}

/** The first row of a query, or null. */
async function row(sql, values = []) {
  return (await rows(sql, values))[0] || null;
}

async function close() {
  await pool.end();
}

module.exports = { rows, row, close };
