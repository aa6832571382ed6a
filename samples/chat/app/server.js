'use strict';

// Starts the server and stops it in an orderly way.

const http = require('node:http');
const fs = require('node:fs');
const config = require('./config');
const app = require('./app');
const db = require('./db');
const feed = require('./feed');
const live = require('./ws');
const session = require('./session');

fs.mkdirSync(config.uploadDir, { recursive: true });

const server = http.createServer(app);

// nginx keeps idle connections for 60 s: ours must live longer, or it meets a closed one.
server.keepAliveTimeout = 65_000;
server.headersTimeout = 66_000;

live.attach(server);

server.listen(config.port, config.host, () => {
  console.log(`listening on ${config.host}:${config.port}`);
});

async function stop(signal) {
  console.log(`${signal}: closing`);
  setTimeout(() => process.exit(1), 8_000).unref();
  live.close();
  feed.close();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeIdleConnections();
  });
  await session.store.close();
  await db.close();
  process.exit(0);
}

process.on('SIGTERM', () => stop('SIGTERM'));
process.on('SIGINT', () => stop('SIGINT'));
