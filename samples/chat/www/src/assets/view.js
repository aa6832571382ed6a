// Pieces of the page, made from data. Text always goes in as text, never as HTML.

/** An element: h('a', { href: '/' }, 'text', child). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      element.addEventListener(name.slice(2), value);
    } else if (value === true) {
      element.setAttribute(name, '');
    } else if (value !== false && value !== null) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** One of the pictures in icons.svg. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('class', 'glyph');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `/assets/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

export const byId = (id) => document.getElementById(id);

function initials(name) {
  const words = name.trim().split(/\s+/);
  return words.length > 1 ? [...words[0]][0] + [...words.at(-1)][0] : [...words[0]].slice(0, 2).join('');
}

export function avatar(name, label = name, small = false) {
  let sum = 0;
  for (const char of name) {
    sum = (sum * 31 + char.codePointAt(0)) % 8;
  }
  return h('span', { class: `avatar tint${sum}${small ? ' small' : ''}`, 'aria-hidden': 'true' }, initials(label).toUpperCase());
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

export const dayOf = (iso) => calendar.format(new Date(iso));
export const timeOf = (iso) => clock.format(new Date(iso));

export function sizeOf(bytes) {
  if (bytes < 1024) {
    return `${bytes} B`;
  }
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** Text with its web addresses as links. */
function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]+)/).map((part, index) =>
    index % 2 ? h('a', { href: part, target: '_blank', rel: 'noopener noreferrer' }, part) : part,
  );
}

function attachment(upload) {
  if (upload.mime.startsWith('image/')) {
    return h('div', { class: 'file' }, h('a', { href: upload.url, target: '_blank' },
      h('img', { src: upload.url, alt: upload.name, loading: 'lazy' })));
  }
  return h('div', { class: 'file' }, h('a', { class: 'chip', href: `/api/uploads/${upload.id}/download`, download: upload.name },
    icon('page'), h('span', {}, upload.name), h('small', {}, sizeOf(upload.bytes))));
}

/** One message; `first` is the first of several by one author in a row. */
export function message(data, { first, hit = false }) {
  return h(
    'article',
    { class: `message${first ? ' first' : ''}${hit ? ' hit' : ''}`, 'data-id': data.id, 'data-author': data.author,
      'data-day': dayOf(data.createdAt), title: first ? null : timeOf(data.createdAt) },
    first ? avatar(data.author, data.authorName) : null,
    first ? h('div', { class: 'head' }, h('b', {}, data.authorName), h('time', { datetime: data.createdAt }, timeOf(data.createdAt))) : null,
    data.body ? h('div', { class: 'text' }, ...linked(data.body)) : null,
    data.upload ? attachment(data.upload) : null,
  );
}

export const dayLine = (day) => h('div', { class: 'day' }, day);

/** A search hit with the words that were found marked. */
export function result(data, query, onclick) {
  const at = data.body.toLowerCase().indexOf(query.toLowerCase());
  const start = Math.max(0, at - 50);
  const text = at < 0
    ? [data.body.slice(0, 140)]
    : [(start ? '…' : '') + data.body.slice(start, at), h('mark', {}, data.body.slice(at, at + query.length)),
      data.body.slice(at + query.length, at + 120)];
  return h('a', { href: `/rooms/${data.room}`, onclick },
    h('small', {}, `${data.authorName} in #${data.room} · ${shortDay.format(new Date(data.createdAt))}, ${timeOf(data.createdAt)}`),
    h('div', {}, ...text));
}

export function notice(data, fresh) {
  return h('li', { class: fresh ? 'fresh' : '' }, data.body, h('small', {}, `${shortDay.format(new Date(data.createdAt))}, ${timeOf(data.createdAt)}`));
}
