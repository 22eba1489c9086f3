// The rooms of benchmarks/servers/rooms.py, on partyserver.

import { Server, routePartykitRequest } from "partyserver";

export class Echo extends Server {
  onMessage(connection, message) {
    connection.send(message);
  }
}

export class FanOut extends Server {
  onMessage(connection, message) {
    this.broadcast(message);
  }
}

class Counting extends Server {
  async onStart() {
    this.count = (await this.ctx.storage.get("count")) ?? 0;
  }

  // What leaves after this waits until it is stored: the runtime's output gate.
  add(number) {
    this.count += number;
    this.ctx.storage.put("count", this.count);
  }
}

export class Stored extends Counting {
  onMessage(connection, message) {
    this.add(1);
    connection.send(message);
  }
}

export class Counter extends Counting {
  async onRequest(request) {
    if (request.method === "POST") {
      const { by } = await request.json();
      this.add(by);
    }
    return Response.json({ count: this.count });
  }
}

export default {
  async fetch(request, env) {
    const response = await routePartykitRequest(request, env);
    return response ?? new Response("Not found", { status: 404 });
  },
};
