/** What the pages of all rooms have in common. */

export const element = (id) => document.getElementById(id);

/** The page's room, its party, and Django's token against forged requests. */
export const { room, party, csrf } = element("main").dataset;

/** Say in the bar how the connection is. */
export function showStatus(socket) {
  const status = element("status");
  const words = {
    connecting: "Connecting",
    open: "Connected",
    waiting: "Connecting",
    closed: "Disconnected",
  };
  socket.addEventListener("status", ({ detail }) => {
    if (detail === "open") words.connecting = words.waiting = "Reconnecting";
    status.dataset.status = detail;
    // A word that did not change is not announced again.
    if (status.textContent !== words[detail]) status.textContent = words[detail];
  });
}
