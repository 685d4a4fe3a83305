// Runs kinesis-local on free ports and says "listening on URL" once it answers, as `weir local` does.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { dirname } from "node:path";

const startMsMax = 30_000;

// It takes no port 0, so free ports are found first.
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => (server.close(), once(server, "close"))));
  return ports;
}

const main = createRequire(import.meta.url).resolve("kinesis-local");
const [plain, tls] = await freePorts(2);
const emulator = spawn(process.execPath, [main], {
  cwd: dirname(main), // where its certificate is
  env: {
    ...process.env,
    KINESIS_MOCK_PLAIN_PORT: plain,
    KINESIS_MOCK_TLS_PORT: tls,
    LOG_LEVEL: "ERROR",
    ...Object.fromEntries(
      ["CREATE_STREAM", "DELETE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS", "UPDATE_SHARD_COUNT"].map((name) => [
        `${name}_DURATION`,
        "50ms",
      ]),
    ),
  },
  stdio: ["ignore", "ignore", "inherit"],
});
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => emulator.kill("SIGKILL"));
}
emulator.on("exit", (code) => process.exit(code ?? 0));

const url = `http://127.0.0.1:${plain}`;
const giveUpAt = Date.now() + startMsMax;
for (;;) {
  const answered = await fetch(`${url}/healthcheck`).then((reply) => reply.ok, () => false);
  if (answered) {
    break;
  }
  if (Date.now() > giveUpAt) {
    console.error(`kinesis-local did not answer within ${startMsMax} ms`);
    emulator.kill("SIGKILL");
  }
  await new Promise((wake) => setTimeout(wake, 50));
}
console.log(`listening on ${url}`);
