'use strict';

// The people of the board.

const db = require('./db');
const passwords = require('./passwords');
const { Problem, text } = require('./problems');

const NAME = /^[a-z][a-z0-9-]*$/;

/** Everyone, with the number of notices that hang. */
function all() {
  return db.rows(
    `SELECT u.name, u.display_name AS displayName, u.created_at AS createdAt, COUNT(n.id) AS notices
       FROM users u LEFT JOIN notices n ON n.author_id = u.id AND n.expired_at IS NULL
      GROUP BY u.id ORDER BY u.display_name, u.id`,
  );
}

/** The user of a name, or a 404. */
async function get(name) {
  const found = await db.row(
    'SELECT id, name, display_name AS displayName, created_at AS createdAt FROM users WHERE name = ?',
    [name],
  );
  if (!found) {
    throw new Problem(404, 'no_such_author', 'nobody here has this name');
  }
  return found;
}

/** Makes an account; a name that exists is a 409. */
async function register(given, language) {
  const name = text(given?.name, 'name', { min: 2, max: 32, pattern: NAME });
  const displayName = text(given?.displayName || name, 'displayName', { max: 64 });
  const password = text(given?.password, 'password', { min: 8, max: 200 });
  try {
    const { insertId } = await db.rows(
      'INSERT INTO users (name, display_name, password_hash, language) VALUES (?, ?, ?, ?)',
      [name, displayName, await passwords.hash(password), language],
    );
    return { id: insertId, name, displayName, language };
  } catch (error) {
    if (error.code === 'ER_DUP_ENTRY') {
      throw new Problem(409, 'name_taken', 'this name is taken');
    }
    throw error;
  }
}

/** The user of a name and password; otherwise a 401 that does not say which was wrong. */
async function logIn(given) {
  const found = await db.row(
    'SELECT id, name, display_name AS displayName, language, password_hash AS hash FROM users WHERE name = ?',
    [String(given?.name ?? '')],
  );
  if (!found || !(await passwords.verify(String(given?.password ?? ''), found.hash))) {
    throw new Problem(401, 'bad_login', 'name or password is wrong');
  }
  return found;
}

/** Keeps the language in which a user reads. */
async function setLanguage(id, language) {
  await db.rows('UPDATE users SET language = ? WHERE id = ?', [language, id]);
}

module.exports = { all, get, register, logIn, setLanguage };
