// Starts a Kinesis endpoint, runs a client against it, stops the endpoint, and exits as the client did.
//
//   node with_endpoint.mjs SERVER ARGUMENT... -- CLIENT ARGUMENT...
//
// The server says "listening on URL" on its stdout; "{}" among the client's arguments becomes that URL.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const startMsMax = 30_000;
const words = process.argv.slice(2);
const border = words.indexOf("--");
if (border < 1 || border === words.length - 1) {
  console.error("usage: node with_endpoint.mjs SERVER ARGUMENT... -- CLIENT ARGUMENT...");
  process.exit(2);
}

const server = spawn(words[0], words.slice(1, border), { stdio: ["ignore", "pipe", "inherit"] });
const exited = once(server, "exit");
const url = await new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error(`no "listening on" within ${startMsMax} ms`)), startMsMax);
  server.on("error", reject);
  server.on("exit", (code) => reject(new Error(`the server ended with ${code} before it listened`)));
  createInterface({ input: server.stdout }).on("line", (line) => {
    const found = /listening on (http:\/\/\S+)/.exec(line);
    if (found) {
      clearTimeout(timer);
      resolve(found[1]);
    }
  });
}).catch((error) => {
  console.error(`${words[0]}: ${error.message}`);
  server.kill("SIGKILL");
  process.exit(1);
});

const [program, ...rest] = words.slice(border + 1);
const client = spawn(program, rest.map((word) => (word === "{}" ? url : word)), { stdio: "inherit" });
const [code] = await once(client, "exit");
server.kill("SIGTERM");
await exited;
process.exit(code ?? 1);
