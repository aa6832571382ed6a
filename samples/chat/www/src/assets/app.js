// The chat as a whole: who we are, which room we are in, what arrives.

import { byId, h, avatar, notice, result } from '/assets/view.js';
import { get, post } from '/assets/api.js';
import { Live } from '/assets/live.js';
import { openGate } from '/assets/gate.js';
import { openLog, add } from '/assets/log.js';
import { setUpComposer } from '/assets/composer.js';

const live = new Live();
let user = null;
let rooms = [];
let current = null;
let typingTimer = null;

const roomOfAddress = () => location.pathname.match(/^\/rooms\/([a-z0-9-]+)$/)?.[1] ?? null;

function showRooms() {
  byId('rooms').replaceChildren(...rooms.map((room) =>
    h('a', {
      href: `/rooms/${room.slug}`,
      class: room.slug === current ? 'current' : '',
      onclick: (event) => {
        event.preventDefault();
        go(room.slug);
      },
    }, h('span', {}, room.title), h('small', {}, String(room.messageCount)))));
}

async function loadRooms() {
  ({ rooms } = await get('/api/rooms'));
  showRooms();
}

function showPresent(names) {
  byId('present').replaceChildren(...names.map((name) => h('li', {}, avatar(name, name, true), h('span', {}, name))));
}

async function enter(slug, hit = null) {
  const room = rooms.find((one) => one.slug === slug);
  if (!room) {
    go(rooms[0].slug);
    return;
  }
  current = slug;
  document.title = `${room.title} · Northfold chat`;
  byId('room-title').textContent = room.title;
  byId('room-topic').textContent = room.topic;
  byId('typing').textContent = '';
  byId('results').hidden = true;
  document.querySelector('.side').classList.remove('open');
  showRooms();
  live.enter(slug);
  await openLog(slug, hit);
  byId('body').focus();
}

function go(slug, hit = null) {
  history.pushState(null, '', `/rooms/${slug}`);
  enter(slug, hit);
}

function listen() {
  live.on('state', (state) => { byId('self-state').textContent = state; });
  for (const type of ['present', 'joined', 'left']) {
    live.on(type, (message) => message.room === current && showPresent(message.present));
  }
  live.on('message', ({ message }) => {
    const room = rooms.find((one) => one.slug === message.room);
    if (room) {
      room.messageCount += 1;
      showRooms();
    }
    byId('typing').textContent = '';
    add(message);
  });
  live.on('typing', (message) => {
    if (message.room !== current) {
      return;
    }
    byId('typing').textContent = `${message.user} is writing…`;
    clearTimeout(typingTimer);
    typingTimer = setTimeout(() => { byId('typing').textContent = ''; }, 3000);
  });
  live.on('error', (message) => { byId('composer-problem').textContent = message.message; });
}

function follow() {
  const started = Date.now();
  const feed = new EventSource('/events');
  feed.addEventListener('notice', (event) => {
    const data = JSON.parse(event.data);
    const fresh = Date.parse(data.createdAt) > started - 5000;
    byId('notices').prepend(notice(data, fresh));
    if (fresh && user && data.kind === 'room') {
      loadRooms();
    }
  });
}

function setUpSearch() {
  const form = byId('search');
  form.onsubmit = async (event) => {
    event.preventDefault();
    const query = form.elements.q.value.trim();
    if (query.length < 2) {
      return;
    }
    const { messages } = await get(`/api/search?limit=30&q=${encodeURIComponent(query)}`);
    byId('results').replaceChildren(
      h('p', {}, messages.length ? `${messages.length} messages, newest first` : 'Nothing found.'),
      ...messages.map((message) => result(message, query, (click) => {
        click.preventDefault();
        go(message.room, message.id);
      })),
    );
    byId('results').hidden = false;
  };
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      byId('results').hidden = true;
    }
  });
  byId('log').addEventListener('click', () => { byId('results').hidden = true; });
}

function slugOf(title) {
  return title.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
    .replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40);
}

function setUpNewRoom() {
  const dialog = byId('room-dialog');
  const form = byId('room-form');
  byId('room-new').onclick = () => {
    form.reset();
    byId('room-problem').textContent = '';
    dialog.showModal();
  };
  byId('room-cancel').onclick = () => dialog.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    const { title, topic } = Object.fromEntries(new FormData(form));
    try {
      const { room } = await post('/api/rooms', { slug: slugOf(title), title, topic });
      dialog.close();
      await loadRooms();
      go(room.slug);
    } catch (error) {
      byId('room-problem').textContent = error.message;
    }
  };
}

async function start(entered) {
  user = entered;
  byId('self-avatar').replaceChildren(avatar(user.name, user.displayName));
  byId('self-name').textContent = user.displayName;
  byId('chat').hidden = false;
  live.open();
  await loadRooms();
  const slug = roomOfAddress();
  if (slug) {
    enter(slug);
  } else {
    const general = rooms.find((room) => room.slug === 'general') ?? rooms[0];
    history.replaceState(null, '', `/rooms/${general.slug}`);
    enter(general.slug);
  }
}

listen();
setUpSearch();
setUpNewRoom();
setUpComposer(() => current, live);
follow();
byId('menu').onclick = () => document.querySelector('.side').classList.toggle('open');
byId('logout').onclick = async () => {
  await post('/api/logout');
  live.close();
  location.assign('/');
};
window.onpopstate = () => user && roomOfAddress() && enter(roomOfAddress());

get('/api/me').then(({ user: known }) => start(known)).catch(() => openGate(start));
