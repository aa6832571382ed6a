'use strict';

// Starts the server and stops it in an orderly way.

const http = require('node:http');
const app = require('./app');
const config = require('./config');
const db = require('./db');

const server = http.createServer(app);

server.listen(config.port, config.host, () => {
  console.log(`listening on ${config.host}:${config.port}`);
});

async function stop(signal) {
  console.log(`${signal}: closing`);
  setTimeout(() => process.exit(1), 8_000).unref();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeIdleConnections();
  });
  await db.close();
  process.exit(0);
}

process.on('SIGTERM', () => stop('SIGTERM'));
process.on('SIGINT', () => stop('SIGINT'));
