# The address and the folder are given on the command line.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "disk", disk = (writable = true)),
  ],
  sockets = [(name = "http", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
  durableObjectNamespaces = [
    (className = "Echo", uniqueKey = "Echo", enableSql = true),
    (className = "FanOut", uniqueKey = "FanOut", enableSql = true),
    (className = "Stored", uniqueKey = "Stored", enableSql = true),
    (className = "Counter", uniqueKey = "Counter", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
    (name = "Echo", durableObjectNamespace = "Echo"),
    (name = "FanOut", durableObjectNamespace = "FanOut"),
    (name = "Stored", durableObjectNamespace = "Stored"),
    (name = "Counter", durableObjectNamespace = "Counter"),
  ],
);
