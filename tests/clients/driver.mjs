/**
 * Drives partysocket for a test: a command per line on stdin, an event per line on
 * stdout, both JSON. Every event names its socket; those of one socket are in order.
 *
 *   {do: "open", socket, options, tokens}   tokens: what the query function gives, one
 *                                           at each (re)connect, the last for ever
 *   {do: "send", socket, text | base64}
 *   {do: "close", socket, code, reason}
 *   {do: "fetch", socket, options, init}
 */

import { createInterface } from "node:readline";

import PartySocket from "partysocket";
import WebSocket from "ws";

const sockets = new Map();
const tell = (event) => process.stdout.write(JSON.stringify(event) + "\n");

const commands = {
  open({ socket: name, options, tokens }) {
    if (tokens) {
      options.query = async () => ({
        token: tokens.length > 1 ? tokens.shift() : tokens[0],
      });
    }
    const socket = new PartySocket({ WebSocket, ...options });
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () =>
      tell({ socket: name, event: "open", id: socket.id, protocol: socket.protocol }),
    );
    socket.addEventListener("message", ({ data }) =>
      tell({
        socket: name,
        event: "message",
        ...(typeof data === "string"
          ? { text: data }
          : { base64: Buffer.from(data).toString("base64") }),
      }),
    );
    socket.addEventListener("close", ({ code, reason }) =>
      tell({ socket: name, event: "close", code, reason }),
    );
    // An attempt that fails is a close event as well; unheard errors end the process.
    socket.addEventListener("error", () => {});
    sockets.set(name, socket);
  },

  send({ socket, text, base64 }) {
    sockets.get(socket).send(text ?? Buffer.from(base64, "base64"));
  },

  close({ socket, code, reason }) {
    sockets.get(socket).close(code, reason);
  },

  async fetch({ socket, options, init }) {
    const response = await PartySocket.fetch(options, init);
    const { status, url } = response;
    tell({ socket, event: "response", status, url, body: await response.text() });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  await commands[command.do](command);
}
process.exit();
