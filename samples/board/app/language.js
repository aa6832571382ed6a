'use strict';

// The language of the pages: a cookie of its own, which outlives the log-in.

const texts = require('./texts');

const YEAR = 365 * 24 * 60 * 60 * 1000;
const LANGUAGES = Object.keys(texts);

const isKnown = (language) => LANGUAGES.includes(language);

function remember(res, language) {
  res.cookie('lang', language, { maxAge: YEAR, path: '/', sameSite: 'lax' });
}

/** Middleware for pages: finds the language, and notes it when the browser has no note of it yet. */
function choose(req, res, next) {
  const noted = /(?:^|;\s*)lang=([a-z]+)/.exec(req.get('cookie') ?? '')?.[1];
  const language = isKnown(noted) ? noted : req.acceptsLanguages(LANGUAGES) || LANGUAGES[0];
  if (noted !== language) {
    remember(res, language);
  }
  res.vary('Cookie, Accept-Language');
  res.locals.language = language;
  res.locals.t = (key, ...values) =>
    values.reduce((text, value) => text.replace('%s', () => value), texts[language][key] ?? key);
  // By the server's clock.
  res.locals.time = (date) =>
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
  res.locals.day = (date) => {
    // A day of its own (an expiry) comes as text, a point in time as a Date in the server's time zone.
    const [year, month, day] =
      date instanceof Date ? [date.getFullYear(), date.getMonth() + 1, date.getDate()] : date.split('-').map(Number);
    const name = texts[language].months[month - 1];
    return language === 'de' ? `${day}. ${name} ${year}` : `${day} ${name} ${year}`;
  };
  next();
}

const two = (number) => String(number).padStart(2, '0');

module.exports = { LANGUAGES, isKnown, remember, choose };
