// Writing a message, with a file or without.

import { byId, h, icon, sizeOf } from '/assets/view.js';
import { post, upload } from '/assets/api.js';

const form = byId('composer');
const body = byId('body');
const preview = byId('preview');
let file = null;
let address = null;

function attach(chosen) {
  file = chosen;
  URL.revokeObjectURL(address);
  address = file ? URL.createObjectURL(file) : null;
  preview.hidden = !file;
  preview.replaceChildren();
  byId('composer-problem').textContent = '';
  if (file) {
    preview.append(
      file.type.startsWith('image/') ? h('img', { src: address, alt: '' }) : icon('page'),
      h('span', {}, `${file.name} · ${sizeOf(file.size)}`),
      h('progress', { value: 0, max: 1, hidden: true }),
      h('button', { class: 'icon', type: 'button', title: 'Remove', onclick: () => attach(null) }, icon('close')),
    );
    body.focus();
  }
}

function grow() {
  body.style.height = 'auto';
  body.style.height = `${body.scrollHeight}px`;
}

/** Wires the form up; `room` says where messages go, `live` carries them. */
export function setUpComposer(room, live) {
  let lastTyping = 0;

  async function send() {
    const text = body.value.trim();
    if (!text && !file) {
      return;
    }
    byId('composer-problem').textContent = '';
    const button = form.querySelector('.send');
    button.disabled = true;
    try {
      let uploadId;
      if (file) {
        const bar = preview.querySelector('progress');
        bar.hidden = false;
        uploadId = (await upload(file, (share) => { bar.value = share; })).id;
      }
      if (!live.send({ type: 'message', room: room(), body: text, uploadId })) {
        await post(`/api/rooms/${room()}/messages`, { body: text, uploadId });
      }
      body.value = '';
      grow();
      attach(null);
    } catch (error) {
      byId('composer-problem').textContent = error.message;
    } finally {
      button.disabled = false;
      body.focus();
    }
  }

  form.onsubmit = (event) => {
    event.preventDefault();
    send();
  };
  body.onkeydown = (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  };
  body.oninput = () => {
    grow();
    if (Date.now() - lastTyping > 2000) {
      lastTyping = Date.now();
      live.send({ type: 'typing', room: room() });
    }
  };
  body.onpaste = (event) => {
    if (event.clipboardData.files.length) {
      event.preventDefault();
      attach(event.clipboardData.files[0]);
    }
  };
  byId('file').onchange = (event) => {
    attach(event.target.files[0] || null);
    event.target.value = '';
  };
  const talk = document.querySelector('.room');
  talk.ondragover = (event) => event.preventDefault();
  talk.ondrop = (event) => {
    event.preventDefault();
    attach(event.dataTransfer.files[0] || null);
  };
}
