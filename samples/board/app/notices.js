'use strict';

// Notices: reading, writing and the rules of who may.

const audit = require('./audit');
const db = require('./db');
const { Problem, text, integer, day } = require('./problems');

const COLUMNS = `n.id, n.title, n.body, n.created_at AS createdAt, n.updated_at AS updatedAt, n.expires_on AS expiresOn,
  n.author_id AS authorId, u.name AS author, u.display_name AS authorName, c.slug AS category,
  (SELECT COUNT(DISTINCT a.user_id) FROM audit a WHERE a.notice_id = n.id AND a.action = 'read') AS readers`;
const TABLES = 'notices n JOIN users u ON u.id = n.author_id JOIN categories c ON c.id = n.category_id';

/** The categories with their names in a language. */
function categories(language = 'en') {
  return db.rows('SELECT slug, IF(? = \'de\', name_de, name_en) AS name FROM categories ORDER BY id', [language]);
}

/** What a list was asked for: page, notices a page, search words, category, author. */
function filter(query, { perPage = 10 } = {}) {
  return {
    page: integer(query.page, 'page', { max: 10_000, fallback: 1 }),
    perPage: integer(query.per_page, 'per_page', { max: 100, fallback: perPage }),
    q: query.q ? text(query.q, 'q', { max: 80 }) : '',
    category: query.category ? text(query.category, 'category', { max: 20 }) : '',
    author: query.author ? text(query.author, 'author', { max: 32 }) : '',
  };
}

/** One page of the notices that hang, newest first, with their number in all. */
async function list({ page, perPage, q, category, author }) {
  const where = ['n.expired_at IS NULL'];
  const values = [];
  if (q) {
    const like = `%${q.replace(/[\\%_]/g, '\\$&')}%`;
    where.push('(n.title LIKE ? OR n.body LIKE ?)');
    values.push(like, like);
  }
  if (category) {
    where.push('c.slug = ?');
    values.push(category);
  }
  if (author) {
    where.push('u.name = ?');
    values.push(author);
  }
  const from = `${TABLES} WHERE ${where.join(' AND ')}`;
  const { total } = await db.row(`SELECT COUNT(*) AS total FROM ${from}`, values);
  const found = await db.rows(`SELECT ${COLUMNS} FROM ${from} ORDER BY n.id DESC LIMIT ? OFFSET ?`, [
    ...values,
    String(perPage),
    String((page - 1) * perPage),
  ]);
  return { notices: found, total, page, perPage, pages: Math.max(1, Math.ceil(total / perPage)) };
}

/** The notice with the id of an address, or a 404. */
async function get(id) {
  const known = /^[1-9]\d{0,8}$/.test(id);
  const found = known && (await db.row(`SELECT ${COLUMNS} FROM ${TABLES} WHERE n.id = ? AND n.expired_at IS NULL`, [id]));
  if (!found) {
    throw new Problem(404, 'no_such_notice', 'this notice does not hang here, or no longer');
  }
  return found;
}

/** A notice as a user reads it: noted when it is another's. */
async function read(res, id, user) {
  const notice = await get(id);
  if (user && user.id !== notice.authorId) {
    await audit.note(res, user.id, notice.id, 'read');
    return get(id);
  }
  return notice;
}

/** The notice if it is the user's own, otherwise a 403. */
async function own(id, user) {
  const notice = await get(id);
  if (notice.authorId !== user.id) {
    throw new Problem(403, 'not_yours', 'only its author may do this');
  }
  return notice;
}

async function checked(given, old = {}) {
  const slug = given.category ?? old.category;
  const category = await db.row('SELECT id FROM categories WHERE slug = ?', [text(slug, 'category', { max: 20 })]);
  if (!category) {
    throw new Problem(422, 'invalid', 'category is none of this board');
  }
  return [
    text(given.title ?? old.title, 'title', { min: 3, max: 120 }),
    text(given.body ?? old.body, 'body', { max: 4000 }),
    category.id,
    day(given.expiresOn === undefined ? old.expiresOn : given.expiresOn, 'expiresOn'),
  ];
}

/** Pins a notice; its id. */
async function create(res, user, given) {
  const { insertId } = await db.rows(
    'INSERT INTO notices (title, body, category_id, expires_on, author_id) VALUES (?, ?, ?, ?, ?)',
    [...(await checked(given)), user.id],
  );
  await audit.note(res, user.id, insertId, 'create');
  return insertId;
}

/** Changes what is given of a user's own notice. */
async function update(res, user, id, given) {
  const old = await own(id, user);
  await db.rows(
    `UPDATE notices SET title = ?, body = ?, category_id = ?, expires_on = ?, updated_at = CURRENT_TIMESTAMP
      WHERE id = ?`,
    [...(await checked(given, old)), old.id],
  );
  await audit.note(res, user.id, old.id, 'update');
}

/** Takes a user's own notice down; what is known of its readers goes with it. */
async function remove(user, id) {
  const { id: known } = await own(id, user);
  await db.rows('DELETE FROM notices WHERE id = ?', [known]);
}

module.exports = { categories, filter, list, get, read, own, create, update, remove };
