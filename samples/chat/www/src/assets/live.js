// The WebSocket: one connection that comes back by itself, and who listens to it.

export class Live extends EventTarget {
  #socket = null;
  #room = null;
  #attempt = 0;
  #wanted = false;

  open() {
    this.#wanted = true;
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#attempt = 0;
      this.#tell('state', 'online');
      if (this.#room) {
        this.send({ type: 'join', room: this.#room });
      }
    };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      this.#tell(message.type, message);
    };
    socket.onclose = () => {
      if (!this.#wanted) {
        return;
      }
      this.#tell('state', 'connecting…');
      const wait = Math.min(10_000, 500 * 2 ** this.#attempt++);
      setTimeout(() => this.#wanted && this.open(), wait);
    };
  }

  close() {
    this.#wanted = false;
    this.#socket?.close();
  }

  /** Leaves the room we are in and joins another, now and after each reconnection. */
  enter(room) {
    if (this.#room && this.#room !== room) {
      this.send({ type: 'leave', room: this.#room });
    }
    this.#room = room;
    this.send({ type: 'join', room });
  }

  /** Sends a message; false when there is no connection just now. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      return false;
    }
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  on(type, handler) {
    this.addEventListener(type, (event) => handler(event.detail));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
