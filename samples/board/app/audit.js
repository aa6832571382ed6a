'use strict';

// Who did what with a notice. The count of its readers comes from here.

const config = require('./config');
const db = require('./db');

// Long enough that the answer is out when the row is written.
const MOMENT = 150;

function write(userId, noticeId, action) {
  // Reading twice is reading once.
  const sql =
    action === 'read'
      ? `INSERT INTO audit (user_id, notice_id, action) SELECT ?, ?, 'read' FROM DUAL
          WHERE NOT EXISTS (SELECT 1 FROM audit WHERE user_id = ? AND notice_id = ? AND action = 'read')`
      : 'INSERT INTO audit (user_id, notice_id, action) VALUES (?, ?, ?)';
  return db.rows(sql, action === 'read' ? [userId, noticeId, userId, noticeId] : [userId, noticeId, action]);
}

/** Notes what a user did: at once, or with AUDIT=after a moment after the answer, which then is out sooner. */
async function note(res, userId, noticeId, action) {
  if (config.audit === 'before') {
    await write(userId, noticeId, action);
    return;
  }
  res.on('finish', () => {
    setTimeout(() => {
      write(userId, noticeId, action).catch((error) => console.error('audit:', error.message));
    }, MOMENT);
  });
}

/** What happened to a notice, oldest first. */
function of(noticeId) {
  return db.rows(
    `SELECT a.action, a.at, u.name, u.display_name AS displayName
       FROM audit a JOIN users u ON u.id = a.user_id WHERE a.notice_id = ? ORDER BY a.id`,
    [noticeId],
  );
}

module.exports = { note, of };
