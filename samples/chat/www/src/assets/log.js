// The talk of one room: history that loads as one scrolls back, and new messages below.

import { byId, h, message, dayLine, dayOf } from '/assets/view.js';
import { get } from '/assets/api.js';

const element = byId('log');
let room = null;
let before = null; // where older messages begin; null when there are none
let loading = false;
let sticking = true; // true while the newest message is in sight
let detached = false; // true while we look at the past and not at the newest messages

const isFirst = (data, previous) =>
  !previous?.dataset || previous.dataset.author !== data.author || previous.dataset.day !== dayOf(data.createdAt);

function nodes(messages, hit) {
  const list = [];
  let previous = null;
  for (const data of messages) {
    if (!previous || previous.dataset.day !== dayOf(data.createdAt)) {
      list.push(dayLine(dayOf(data.createdAt)));
      previous = null;
    }
    previous = message(data, { first: isFirst(data, previous), hit: data.id === hit });
    list.push(previous);
  }
  return list;
}

const atEnd = () => element.scrollHeight - element.scrollTop - element.clientHeight < 80;

function toEnd() {
  element.scrollTop = element.scrollHeight;
  sticking = true;
}

async function older() {
  if (loading || !before) {
    return;
  }
  loading = true;
  const asked = room;
  try {
    const page = await get(`/api/rooms/${room}/messages?limit=50&before=${before}`);
    if (asked !== room) {
      return;
    }
    const height = element.scrollHeight;
    before = page.before;
    // The first line below may name a day that now begins further up.
    const day = element.querySelector('.day');
    if (day && page.messages.length && day.textContent === dayOf(page.messages.at(-1).createdAt)) {
      day.remove();
    }
    element.prepend(...beginning(), ...nodes(page.messages));
    element.scrollTop += element.scrollHeight - height;
  } finally {
    loading = false;
  }
}

function beginning() {
  return before ? [] : [h('div', { class: 'beginning' }, 'This is where the room begins.')];
}

/** Shows a room from its newest message, or from one that was found. */
export async function openLog(slug, hit = null) {
  room = slug;
  detached = hit !== null;
  byId('latest').hidden = !detached;
  const from = hit ? `&before=${hit + 1}` : '';
  const page = await get(`/api/rooms/${slug}/messages?limit=50${from}`);
  if (room !== slug) {
    return;
  }
  before = page.before;
  element.replaceChildren(...beginning(), ...nodes(page.messages, hit));
  toEnd();
}

/** A message that has just been written. */
export function add(data) {
  if (data.room !== room || detached || element.querySelector(`[data-id="${data.id}"]`)) {
    return;
  }
  const previous = element.querySelector('.message:last-of-type');
  if (previous?.dataset.day !== dayOf(data.createdAt)) {
    element.append(dayLine(dayOf(data.createdAt)));
  }
  element.append(message(data, { first: isFirst(data, previous) }));
  if (sticking) {
    toEnd();
  }
}

// What is at the end stays there when a picture arrives or the composer grows.
const keepEnd = () => sticking && toEnd();
element.addEventListener('load', keepEnd, true);
new ResizeObserver(keepEnd).observe(element);

element.addEventListener('scroll', () => {
  sticking = atEnd();
  if (element.scrollTop < 300) {
    older();
  }
});
byId('latest').onclick = () => openLog(room);
