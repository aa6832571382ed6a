'use strict';

// Rooms and messages as the rest of the server sees them.

const db = require('./db');
const { Problem, text, integer } = require('./problems');

const SELECT = `
  SELECT m.id, r.slug AS room, u.name AS author, u.display_name AS authorName,
         m.body, m.created_at AS createdAt,
         f.id AS uploadId, f.stored_name AS uploadPath, f.original_name AS uploadName,
         f.mime AS uploadMime, f.bytes AS uploadBytes
    FROM messages m
    JOIN rooms r ON r.id = m.room_id
    JOIN users u ON u.id = m.user_id
    LEFT JOIN uploads f ON f.id = m.upload_id`;

/** The JSON form of a row of SELECT. */
function present(row) {
  const { uploadId, uploadPath, uploadName, uploadMime, uploadBytes, ...message } = row;
  message.upload = uploadId
    ? { id: uploadId, url: `/files/${uploadPath}`, name: uploadName, mime: uploadMime, bytes: uploadBytes }
    : null;
  return message;
}

async function findRoom(slug) {
  const room =
    typeof slug === 'string' ? await db.row('SELECT id, slug, title FROM rooms WHERE slug = ?', [slug]) : null;
  if (!room) {
    throw new Problem(404, 'no_such_room', 'there is no such room');
  }
  return room;
}

/** Messages of a room before a message id, oldest first. */
async function history(slug, { before, limit }) {
  const room = await findRoom(slug);
  const rows = await db.rows(
    `${SELECT} WHERE m.room_id = ? AND m.id < ? ORDER BY m.id DESC LIMIT ?`,
    [room.id, String(before), String(limit + 1)],
  );
  const more = rows.length > limit;
  const messages = rows.slice(0, limit).reverse().map(present);
  return { room: room.slug, messages, before: more ? messages[0].id : null };
}

async function search(query, slug, limit) {
  const pattern = `%${query.replace(/[\\%_]/g, '\\$&')}%`;
  const room = slug ? await findRoom(slug) : null;
  const rows = await db.rows(
    `${SELECT} WHERE m.body LIKE ? AND (? IS NULL OR m.room_id = ?) ORDER BY m.id DESC LIMIT ?`,
    [pattern, room?.id ?? null, room?.id ?? null, String(limit)],
  );
  return rows.map(present);
}

/** Checks and writes a message; the caller tells the room. */
async function post(user, slug, body, uploadId) {
  const room = await findRoom(slug);
  const upload = integer(uploadId, 'uploadId', { min: 1 });
  const words = text(body ?? '', 'body', { min: upload ? 0 : 1, max: 4000 });
  if (upload) {
    const owned = await db.row('SELECT id FROM uploads WHERE id = ? AND user_id = ?', [upload, user.id]);
    if (!owned) {
      throw new Problem(404, 'no_such_upload', 'there is no such upload');
    }
  }
  const id = await db.postMessage({ roomId: room.id, userId: user.id, body: words, uploadId: upload });
  return present(await db.row(`${SELECT} WHERE m.id = ?`, [id]));
}

module.exports = { findRoom, history, search, post };
