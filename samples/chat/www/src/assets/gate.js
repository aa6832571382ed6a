// Logging in and making an account.

import { byId } from '/assets/view.js';
import { post } from '/assets/api.js';

/** Shows the log-in card; calls `entered` with the user once that worked. */
export function openGate(entered) {
  const form = byId('gate-form');
  let registering = false;

  function show() {
    byId('gate-display').hidden = !registering;
    byId('gate-hint').textContent = registering ? 'Make an account of your own.' : 'Log in to talk with your colleagues.';
    byId('gate-submit').textContent = registering ? 'Make account' : 'Log in';
    byId('gate-switch').textContent = registering ? 'Have an account? Log in' : 'New here? Make an account';
    form.elements.password.autocomplete = registering ? 'new-password' : 'current-password';
    byId('gate-problem').textContent = '';
  }

  byId('gate-switch').onclick = () => {
    registering = !registering;
    show();
  };

  form.onsubmit = async (event) => {
    event.preventDefault();
    byId('gate-submit').disabled = true;
    byId('gate-problem').textContent = '';
    const { name, password, displayName } = Object.fromEntries(new FormData(form));
    try {
      const { user } = registering
        ? await post('/api/register', { name, password, displayName: displayName || name })
        : await post('/api/login', { name, password });
      form.reset();
      byId('gate').hidden = true;
      entered(user);
    } catch (error) {
      byId('gate-problem').textContent = error.message;
    } finally {
      byId('gate-submit').disabled = false;
    }
  };

  byId('chat').hidden = true;
  byId('gate').hidden = false;
  show();
  form.elements.name.focus();
}
