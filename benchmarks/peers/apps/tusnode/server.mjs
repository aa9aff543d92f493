// @tus/server with its file store, as its README starts it: node server.mjs PORT FOLDER.
// MAX_SIZE, where it is set, is the largest upload in bytes.

import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const [port, directory] = process.argv.slice(2);
const maxSize = process.env.MAX_SIZE ? Number(process.env.MAX_SIZE) : undefined;
const server = new Server({ path: "/files", datastore: new FileStore({ directory }), maxSize });
server.listen({ host: "127.0.0.1", port: Number(port) });
