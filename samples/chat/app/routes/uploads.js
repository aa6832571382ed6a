'use strict';

// Files that people share: /api/uploads. nginx serves them from disk under /files/.

const crypto = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const express = require('express');
const multer = require('multer');
const config = require('../config');
const db = require('../db');
const { Problem, text, integer, requireLogin } = require('../problems');

const router = express.Router();

const EXTENSION = /^\.[a-z0-9]{1,8}$/;

const storage = multer.diskStorage({
  destination: config.uploadDir,
  filename(req, file, done) {
    const extension = path.extname(file.originalname).toLowerCase();
    const name = crypto.randomBytes(12).toString('hex');
    done(null, name + (EXTENSION.test(extension) ? extension : '.bin'));
  },
});

const receive = multer({ storage, limits: { fileSize: config.uploadMaxBytes, files: 1, fields: 4 } });

async function sha256(file) {
  return crypto.createHash('sha256').update(await fs.readFile(file)).digest('hex');
}

async function find(id) {
  const upload = await db.row(
    `SELECT id, user_id AS userId, stored_name AS storedName, original_name AS name, mime, bytes, sha256,
            created_at AS createdAt
       FROM uploads WHERE id = ?`,
    [integer(id, 'id', { min: 1 })],
  );
  if (!upload) {
    throw new Problem(404, 'no_such_upload', 'there is no such upload');
  }
  return upload;
}

function present({ userId, storedName, ...upload }) {
  return { ...upload, url: `/files/${storedName}` };
}

router.use(requireLogin);

router.get('/', async (req, res) => {
  const uploads = await db.rows(
    `SELECT id, stored_name AS storedName, original_name AS name, mime, bytes, sha256, created_at AS createdAt
       FROM uploads WHERE user_id = ? ORDER BY id DESC LIMIT 100`,
    [req.session.user.id],
  );
  res.json({ uploads: uploads.map(present) });
});

router.post('/', receive.single('file'), async (req, res) => {
  if (!req.file) {
    throw new Problem(422, 'invalid', 'the form needs a field "file"');
  }
  try {
    // Multipart file names come as latin1 text that holds UTF-8.
    const original = Buffer.from(req.file.originalname, 'latin1').toString('utf8');
    const name = text(path.basename(original), 'file name', { max: 200 });
    const result = await db.rows(
      'INSERT INTO uploads (user_id, stored_name, original_name, mime, bytes, sha256) VALUES (?, ?, ?, ?, ?, ?)',
      [
        req.session.user.id,
        req.file.filename,
        name,
        req.file.mimetype.slice(0, 100),
        req.file.size,
        await sha256(req.file.path),
      ],
    );
    res.status(201).json({ upload: present(await find(result.insertId)) });
  } catch (error) {
    await fs.rm(req.file.path, { force: true });
    throw error;
  }
});

router.get('/:id', async (req, res) => {
  res.json({ upload: present(await find(req.params.id)) });
});

router.get('/:id/download', async (req, res) => {
  const upload = await find(req.params.id);
  res.type(upload.mime);
  res.download(upload.storedName, upload.name, { root: config.uploadDir });
});

router.delete('/:id', async (req, res) => {
  const upload = await find(req.params.id);
  if (upload.userId !== req.session.user.id) {
    throw new Problem(403, 'not_yours', 'this file belongs to someone else');
  }
  await db.rows('DELETE FROM uploads WHERE id = ?', [upload.id]);
  await fs.rm(path.join(config.uploadDir, upload.storedName), { force: true });
  res.status(204).end();
});

module.exports = router;
