'use strict';

// Middleware and routers in the order in which they apply.

const path = require('node:path');
const express = require('express');
const asset = require('./assets');
const config = require('./config');
const problems = require('./problems');
const session = require('./session');

const app = express();

app.disable('x-powered-by');
app.set('trust proxy', config.trustProxy);
app.set('views', path.join(__dirname, 'views'));
app.set('view engine', 'ejs');
app.locals.asset = asset;
app.locals.publicUrl = config.publicUrl;

// What needs no session comes first.
app.use(require('./routes/system'));
app.use(require('./routes/avatars'));
app.use(require('./routes/feed'));

app.use(express.json({ limit: '64kb' }));
app.use(express.urlencoded({ extended: false, limit: '64kb' }));
app.use(session.middleware);

app.use('/api', require('./routes/api'));
app.use(require('./routes/pages'));
app.use(require('./routes/account'));

app.use(problems.notFound);
app.use(problems.errorHandler);

module.exports = app;
