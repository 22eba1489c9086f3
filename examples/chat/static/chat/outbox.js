/**
 * Messages on their way to the room, in order, each until the room has shown it.
 *
 * One at a time: the next one leaves when the room has repeated the last. So nothing is
 * lost with a connection, nothing overtakes, and what may have been lost is said again
 * under the same id, by which the room knows it.
 */

// Milliseconds.
const ANSWER_TIMEOUT = 10_000; // a connection that is silent for so long is given up
const PACE = 60; // between two messages: the room allows 20 a second

export class Outbox {
  #socket;
  #messages = [];
  #isReady = false;
  #timer;
  #changed;

  /**
   * @param {RoomSocket} socket
   * @param {(messages: {id: string, text: string}[]) => void} changed
   */
  constructor(socket, changed) {
    this.#socket = socket;
    this.#changed = changed;
    socket.addEventListener("status", () => {
      this.#isReady = false; // until resume()
      clearTimeout(this.#timer);
    });
  }

  add(message) {
    this.#messages.push(message);
    this.#changed(this.#messages);
    if (this.#messages.length === 1) this.#send();
  }

  /** The room is there again, and has shown these ids; it gets what is left. */
  resume(shown) {
    this.#isReady = true;
    this.#keep((message) => !shown.has(message.id));
    this.#send();
  }

  /** The room has shown this one. */
  confirm(id) {
    if (this.#messages[0]?.id !== id) return;
    this.#next();
  }

  /** The room does not want the one it was sent: give it back. */
  refuse() {
    return this.#next();
  }

  #next() {
    const [done] = this.#messages;
    this.#keep((message) => message !== done);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), PACE);
    return done;
  }

  #keep(isWanted) {
    this.#messages = this.#messages.filter(isWanted);
    this.#changed(this.#messages);
  }

  #send() {
    clearTimeout(this.#timer);
    if (!this.#isReady || this.#messages.length === 0) return;
    this.#socket.send(JSON.stringify(this.#messages[0]));
    this.#timer = setTimeout(() => this.#socket.open(), ANSWER_TIMEOUT);
  }
}
