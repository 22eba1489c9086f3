/**
 * A WebSocket to a room that comes back by itself.
 *
 * Events:
 *   status   detail: "connecting", "open", "waiting" (for the next attempt), or
 *            "closed" (for good: by close(), or because the room said so)
 *   message  detail: the frame, as the room sent it
 *
 * Nothing is queued here. A frame may be lost together with its connection, so only the
 * page can know what has to be said again: see chat.js.
 */

// Milliseconds.
const FIRST_DELAY = 250;
const LONGEST_DELAY = 8_000;
const HANDSHAKE_TIMEOUT = 10_000;
const GOOD_UPTIME = 3_000; // a connection that lasts as long resets the delay

export class RoomSocket extends EventTarget {
  #url;
  #socket = null;
  #isClosed = true; // until open()
  #failures = 0;
  #retry; // timers
  #handshake;
  #uptime;

  /**
   * @param {string} party
   * @param {string} room Its id, not encoded.
   * @param {Record<string, string>} query The room finds it in ctx.request.GET.
   */
  constructor(party, room, query = {}) {
    super();
    this.#url = new URL(`/parties/${party}/${encodeURIComponent(room)}`, location.href);
    this.#url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    // The id is kept through every reconnect: to the room, this page is one client.
    this.#url.search = new URLSearchParams({ ...query, _pk: uuid() });

    // The network is back, or the user is: both are better than any timer.
    const hurry = () => this.#socket ?? this.#connect();
    addEventListener("online", hurry);
    addEventListener("pageshow", hurry);
    document.addEventListener("visibilitychange", hurry);
  }

  /** The connection's id: what the room calls this page. */
  get id() {
    return this.#url.searchParams.get("_pk");
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Connect; also again at once, if it is connected, with some of the query changed. */
  open(query = {}) {
    for (const [name, value] of Object.entries(query)) {
      this.#url.searchParams.set(name, value);
    }
    this.#isClosed = false;
    this.#forget();
    this.#connect();
  }

  /** Send a frame. Only when it is open; whether it arrives, an answer must tell. */
  send(frame) {
    this.#socket.send(frame);
  }

  close() {
    this.#isClosed = true;
    this.#forget();
    this.#tell("status", "closed");
  }

  #connect() {
    if (this.#isClosed) return;
    clearTimeout(this.#retry);
    const socket = (this.#socket = new WebSocket(this.#url));
    this.#tell("status", "connecting");
    this.#handshake = setTimeout(() => this.#lost(), HANDSHAKE_TIMEOUT);
    socket.onopen = () => {
      clearTimeout(this.#handshake);
      this.#uptime = setTimeout(() => (this.#failures = 0), GOOD_UPTIME);
      this.#tell("status", "open");
    };
    socket.onmessage = (event) => this.#tell("message", event.data);
    socket.onclose = (event) => this.#lost(event.code);
  }

  #lost(code = 1006) {
    this.#forget();
    // 4000-4999 are the application's own: it does not want this client.
    if (code >= 4000) return this.close();
    // Twice as long after each failure, and never all clients at the same moment.
    const delay = Math.min(FIRST_DELAY * 2 ** this.#failures, LONGEST_DELAY);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#connect(), delay * (0.5 + Math.random() / 2));
    this.#tell("status", "waiting");
  }

  /** Let go of the socket; what it may still say is not heard. */
  #forget() {
    [this.#retry, this.#handshake, this.#uptime].forEach(clearTimeout);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** crypto.randomUUID() is missing where a page came by plain HTTP from another host. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
