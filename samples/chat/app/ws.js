'use strict';

// Live chat over WebSocket: who is in which room is kept in this process's memory.

const { WebSocketServer, WebSocket } = require('ws');
const session = require('./session');
const messages = require('./messages');
const { Problem } = require('./problems');

const HEARTBEAT = 25_000;
const MAX_MESSAGE = 64 * 1024;

const rooms = new Map(); // slug → Set of sockets
const wss = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE });

function send(socket, message) {
  if (socket.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify(message));
  }
}

/** Sends to everyone in a room, but for one socket when given. */
function broadcast(slug, message, except = null) {
  for (const socket of rooms.get(slug) || []) {
    if (socket !== except) {
      send(socket, message);
    }
  }
}

/** The names of those present in a room, each once, sorted. */
function present(slug) {
  return [...new Set([...(rooms.get(slug) || [])].map((socket) => socket.user.name))].sort();
}

function leave(socket, slug) {
  const members = rooms.get(slug);
  if (!members || !members.delete(socket)) {
    return;
  }
  if (members.size === 0) {
    rooms.delete(slug);
  }
  if (!present(slug).includes(socket.user.name)) {
    broadcast(slug, { type: 'left', room: slug, user: socket.user.name, present: present(slug) });
  }
}

const handlers = {
  async join(socket, { room }) {
    const { slug } = await messages.findRoom(room);
    const before = present(slug);
    if (!rooms.has(slug)) {
      rooms.set(slug, new Set());
    }
    rooms.get(slug).add(socket);
    send(socket, { type: 'present', room: slug, present: present(slug) });
    if (!before.includes(socket.user.name)) {
      broadcast(slug, { type: 'joined', room: slug, user: socket.user.name, present: present(slug) }, socket);
    }
  },

  async leave(socket, { room }) {
    leave(socket, room);
    send(socket, { type: 'gone', room });
  },

  async message(socket, { room, body, uploadId, ref }) {
    const message = await messages.post(socket.user, room, body, uploadId);
    publish(message);
    send(socket, { type: 'sent', ref: typeof ref === 'string' ? ref.slice(0, 64) : null, id: message.id });
  },

  async typing(socket, { room }) {
    if (rooms.get(room)?.has(socket)) {
      broadcast(room, { type: 'typing', room, user: socket.user.name }, socket);
    }
  },

  async ping(socket) {
    send(socket, { type: 'pong' });
  },
};

/** Tells a room about a message that was written, by whichever way it came. */
function publish(message) {
  broadcast(message.room, { type: 'message', room: message.room, message });
}

async function receive(socket, data, isBinary) {
  try {
    if (isBinary) {
      throw new Problem(422, 'invalid', 'messages are JSON text');
    }
    let message;
    try {
      message = JSON.parse(data.toString());
    } catch {
      throw new Problem(422, 'invalid', 'messages are JSON text');
    }
    const known = message && Object.hasOwn(handlers, message.type);
    if (!known) {
      throw new Problem(422, 'unknown_type', 'unknown message type');
    }
    await handlers[message.type](socket, message);
  } catch (error) {
    if (!error.status) {
      console.error('websocket:', error);
    }
    send(socket, {
      type: 'error',
      code: error.status ? error.code : 'internal',
      message: error.status ? error.message : 'something went wrong on our side',
    });
  }
}

function connected(socket, user) {
  socket.user = user;
  socket.alive = true;
  // One after another, so that a client's messages keep their order.
  let queue = Promise.resolve();
  socket.on('message', (data, isBinary) => {
    queue = queue.then(() => receive(socket, data, isBinary));
  });
  socket.on('pong', () => {
    socket.alive = true;
  });
  socket.on('error', (error) => console.error('websocket:', error.message));
  socket.on('close', () => {
    for (const slug of [...rooms.keys()]) {
      leave(socket, slug);
    }
  });
  send(socket, { type: 'welcome', user });
}

function refuse(socket, status) {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function sameHost(req) {
  if (!req.headers.origin) {
    return true;
  }
  try {
    return new URL(req.headers.origin).hostname === new URL(`http://${req.headers.host}`).hostname;
  } catch {
    return false;
  }
}

/** Takes over the upgrade requests of an HTTP server. */
function attach(server) {
  server.on('upgrade', (req, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (new URL(req.url, 'http://local').pathname !== '/ws') {
      refuse(socket, '404 Not Found');
      return;
    }
    if (!sameHost(req)) {
      refuse(socket, '403 Forbidden');
      return;
    }
    session.middleware(req, {}, (error) => {
      if (error) {
        console.error('websocket:', error);
        refuse(socket, '503 Service Unavailable');
      } else if (!req.session?.user) {
        refuse(socket, '401 Unauthorized');
      } else {
        wss.handleUpgrade(req, socket, head, (client) => connected(client, req.session.user));
      }
    });
  });
}

const timer = setInterval(() => {
  for (const socket of wss.clients) {
    if (!socket.alive) {
      socket.terminate();
    } else {
      socket.alive = false;
      socket.ping();
    }
  }
}, HEARTBEAT);
timer.unref();

function close() {
  clearInterval(timer);
  for (const socket of wss.clients) {
    socket.close(1001, 'server is restarting');
  }
}

module.exports = { attach, publish, present, close, count: () => wss.clients.size };
