'use strict';

// Small comforts; every page works without them.

for (const form of document.querySelectorAll('form[data-sure]')) {
  form.addEventListener('submit', (event) => {
    if (!window.confirm(form.dataset.sure)) {
      event.preventDefault();
    }
  });
}

// How many characters are left in a text.
for (const field of document.querySelectorAll('textarea[maxlength]')) {
  const left = document.createElement('span');
  left.className = 'left';
  field.after(left);
  const count = () => {
    left.textContent = `${field.value.length} / ${field.maxLength}`;
  };
  field.addEventListener('input', count);
  count();
}

// Titles that fit, while one types.
const search = document.querySelector('input[type="search"]');
if (search) {
  const list = document.createElement('datalist');
  list.id = 'titles';
  search.after(list);
  search.setAttribute('list', list.id);
  let waiting;
  search.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const query = new URLSearchParams({ q: search.value.trim(), per_page: '6' });
      const answer = search.value.trim() && (await fetch(`/api/notices?${query}`));
      const { notices } = answer?.ok ? await answer.json() : { notices: [] };
      list.replaceChildren(...notices.map(({ title }) => new Option(title)));
    }, 200);
  });
}
