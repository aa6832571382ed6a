'use strict';

// Shortly after midnight: takes down the notices whose last day is over, and forgets what is old.
// "Today" is the database's, which goes by the server's clock.

const db = require('../db');

const KEEP_DAYS = 180;

async function main() {
  const expired = await db.rows(
    'UPDATE notices SET expired_at = CURRENT_TIMESTAMP WHERE expired_at IS NULL AND expires_on < CURDATE()',
  );
  const forgotten = await db.rows('DELETE FROM notices WHERE expired_at < CURRENT_TIMESTAMP - INTERVAL ? DAY', [
    String(KEEP_DAYS),
  ]);
  console.log(`expire: took down ${expired.affectedRows} notices, forgot ${forgotten.affectedRows}`);
}

main()
  .catch((error) => {
    console.error('expire:', error.message);
    process.exitCode = 1;
  })
  .finally(() => db.close());
