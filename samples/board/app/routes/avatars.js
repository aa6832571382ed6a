'use strict';

// GET /authors/:name/avatar.png: the picture that is drawn for each author.

const express = require('express');
const avatar = require('../avatar');

const router = express.Router();

router.get('/authors/:name/avatar.png', (req, res) => {
  res.set('Cache-Control', 'public, max-age=86400').type('png').send(avatar.draw(req.params.name));
});

module.exports = router;
