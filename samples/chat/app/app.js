'use strict';

// The HTTP side: middleware and routers in the order in which they apply.

const express = require('express');
const config = require('./config');
const session = require('./session');
const problems = require('./problems');

const app = express();

app.disable('x-powered-by');
app.set('trust proxy', config.trustProxy);

// What must answer without a database comes before the session.
app.use('/api', require('./routes/system'));
app.use('/events', require('./routes/events'));

app.use(express.json({ limit: '256kb' }));
app.use(express.urlencoded({ extended: false, limit: '64kb' }));
app.use(session.middleware);

app.use('/api', require('./routes/auth'));
app.use('/api/rooms', require('./routes/rooms'));
app.use('/api/search', require('./routes/search'));
app.use('/api/uploads', require('./routes/uploads'));
app.use('/api/notices', require('./routes/notices'));
app.use('/api/digests', require('./routes/digests'));
app.use('/admin', require('./routes/admin'));

app.use(problems.notFound);
app.use(problems.errorHandler);

module.exports = app;
