'use strict';

// Once a night: removes files nobody posted, ends old sessions, writes yesterday's digest.

const fs = require('node:fs/promises');
const path = require('node:path');
const config = require('../config');
const db = require('../db');

async function removeStaleUploads() {
  const stale = await db.rows(
    `SELECT f.id, f.stored_name AS storedName FROM uploads f
      LEFT JOIN messages m ON m.upload_id = f.id
      WHERE m.id IS NULL AND f.created_at < UTC_TIMESTAMP() - INTERVAL ? DAY`,
    [String(config.uploadKeepDays)],
  );
  for (const { id, storedName } of stale) {
    await db.rows('DELETE FROM uploads WHERE id = ?', [id]);
    await fs.rm(path.join(config.uploadDir, storedName), { force: true });
  }
  return stale.length;
}

async function endOldSessions() {
  const result = await db.rows('DELETE FROM sessions WHERE expires < UNIX_TIMESTAMP()');
  return result.affectedRows;
}

async function writeDigest() {
  await db.rows(
    `REPLACE INTO digests (day, messages, active_users, uploads, busiest_room_id)
     SELECT y.day,
            (SELECT COUNT(*) FROM messages WHERE created_at >= y.day AND created_at < y.day + INTERVAL 1 DAY),
            (SELECT COUNT(DISTINCT user_id) FROM messages
              WHERE created_at >= y.day AND created_at < y.day + INTERVAL 1 DAY),
            (SELECT COUNT(*) FROM uploads WHERE created_at >= y.day AND created_at < y.day + INTERVAL 1 DAY),
            (SELECT room_id FROM messages WHERE created_at >= y.day AND created_at < y.day + INTERVAL 1 DAY
              GROUP BY room_id ORDER BY COUNT(*) DESC, room_id LIMIT 1)
       FROM (SELECT UTC_DATE() - INTERVAL 1 DAY AS day) y`,
  );
}

async function main() {
  const uploads = await removeStaleUploads();
  const sessions = await endOldSessions();
  await writeDigest();
  console.log(`nightly: removed ${uploads} files and ${sessions} sessions, wrote the digest`);
}

main()
  .catch((error) => {
    console.error('nightly:', error.message);
    process.exitCode = 1;
  })
  .finally(() => db.close());
