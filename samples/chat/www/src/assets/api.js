// Requests to the server; a failed one throws an Error whose text can be shown.

const STATUS_TEXT = {
  413: 'This file is too large: 8 MB at most.',
  429: 'Too many attempts. Wait a moment and try again.',
  502: 'The server does not answer. Try again in a moment.',
};

function problem(status, body) {
  const text = STATUS_TEXT[status] || body?.error?.message || `The server answered ${status}.`;
  return Object.assign(new Error(text), { status });
}

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    throw problem(response.status, answer);
  }
  return answer;
}

export const get = (path) => call('GET', path);
export const post = (path, body = {}) => call('POST', path, body);

/** Uploads a file; `progress` is told a share between 0 and 1. */
export function upload(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append('file', file);
    request.open('POST', '/api/uploads');
    request.responseType = 'json';
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onerror = () => reject(new Error('The upload was interrupted.'));
    request.onload = () => {
      if (request.status === 201) {
        resolve(request.response.upload);
      } else {
        reject(problem(request.status, request.response));
      }
    };
    request.send(form);
  });
}
