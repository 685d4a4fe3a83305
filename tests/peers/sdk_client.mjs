// The AWS SDK for JavaScript against a Kinesis endpoint: what Weir's endpoint promises, asked by a client that nobody
// here wrote. Exits 0 when every claim holds; names the first that does not.
//
//   node sdk_client.mjs http://127.0.0.1:PORT [--kinesis-local]
//
// --kinesis-local: leaves out what that emulator is known to do otherwise than the service, so that the client itself
// can be tried against a second server.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import * as kinesis from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const [endpoint, ...flags] = process.argv.slice(2);
if (!endpoint?.startsWith("http") || flags.some((flag) => flag !== "--kinesis-local")) {
  console.error("usage: node sdk_client.mjs ENDPOINT [--kinesis-local]");
  process.exit(2);
}
const isKinesisLocal = flags.includes("--kinesis-local");
const waitMsMax = 30_000;
const pollMs = 20;
const recordBytesMax = 1024 * 1024; // data and partition key together, the service's default
const hashKeys = 2n ** 128n;

const client = new kinesis.KinesisClient({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "weir-test", secretAccessKey: "weir-test" },
  maxAttempts: 10, // reads beyond 5 a second are throttled: the SDK waits them out
  requestHandler: new NodeHttpHandler({ connectionTimeout: 5_000, requestTimeout: 30_000 }),
});
// The SDK's own commands by their operation's name: call("ListShards", {...}).
const call = (operation, input) => client.send(new kinesis[`${operation}Command`](input));

async function until(what, attempt) {
  const giveUpAt = Date.now() + waitMsMax;
  for (;;) {
    const answer = await attempt();
    if (answer !== undefined) {
      return answer;
    }
    assert.ok(Date.now() < giveUpAt, `waited ${waitMsMax} ms in vain for ${what}`);
    await new Promise((wake) => setTimeout(wake, pollMs));
  }
}

const untilActive = (StreamName) =>
  until(`${StreamName} to be ACTIVE`, async () => {
    const { StreamDescriptionSummary: summary } = await call("DescribeStreamSummary", { StreamName });
    return summary.StreamStatus === "ACTIVE" ? summary : undefined;
  });

async function shardsOf(StreamName) {
  const shards = [];
  let reply = await call("ListShards", { StreamName, MaxResults: 3 });
  shards.push(...reply.Shards);
  while (reply.NextToken) {
    reply = await call("ListShards", { NextToken: reply.NextToken, MaxResults: 3 });
    shards.push(...reply.Shards);
  }
  return shards;
}
const isOpen = (shard) => !shard.SequenceNumberRange.EndingSequenceNumber;
const openShardsOf = async (StreamName) =>
  (await shardsOf(StreamName))
    .filter(isOpen)
    .sort((a, b) => (BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1));

async function iteratorOf(StreamName, ShardId, ShardIteratorType, more = {}) {
  const reply = await call("GetShardIterator", { StreamName, ShardId, ShardIteratorType, ...more });
  return reply.ShardIterator;
}

// Reads until `count` records came, or the shard's end where no count is given.
async function read(iterator, count) {
  const records = [];
  let reply = {};
  await until(count === undefined ? "the shard's end" : `${count} records`, async () => {
    reply = await call("GetRecords", { ShardIterator: iterator });
    records.push(...reply.Records);
    iterator = reply.NextShardIterator;
    return (count === undefined ? !iterator : records.length >= count) || undefined;
  });
  if (count !== undefined) {
    assert.equal(records.length, count);
  }
  return { records, iterator, childShards: reply.ChildShards ?? [] };
}

async function refuses(name, attempt) {
  const error = await attempt().then(
    () => assert.fail(`expected ${name}, but the call succeeded`),
    (failure) => failure,
  );
  assert.equal(error.name, name, `expected ${name}, got ${error.name}: ${error.message}`);
  assert.ok(error instanceof kinesis[name] || name === "ValidationException", "the SDK knows the error's type");
  assert.equal(error.$metadata.httpStatusCode, 400);
  assert.ok(error.message, `${name} says what is wrong`);
}

const text = (record) => Buffer.from(record.Data).toString("utf8");
const numbersGrow = (records) =>
  records.every((record, n) => n === 0 || BigInt(records[n - 1].SequenceNumber) < BigInt(record.SequenceNumber));
const rangesTile = (shards) => {
  let next = 0n;
  for (const { HashKeyRange: range } of shards) {
    if (BigInt(range.StartingHashKey) !== next) {
      return false;
    }
    next = BigInt(range.EndingHashKey) + 1n;
  }
  return next === hashKeys;
};

const run = randomBytes(4).toString("hex");
const stream = `sdk-${run}`;
const resharded = `sdk-reshard-${run}`;

const claims = {
  async "a created stream becomes ACTIVE and is described and listed"() {
    await call("CreateStream", { StreamName: stream, ShardCount: 4 });
    const summary = await untilActive(stream);
    assert.equal(summary.StreamName, stream);
    assert.match(summary.StreamARN, new RegExp(`^arn:aws:kinesis:us-east-1:\\d{12}:stream/${stream}$`));
    assert.equal(summary.OpenShardCount, 4);
    assert.ok(Math.abs(Date.now() - summary.StreamCreationTimestamp.getTime()) < 5 * 60_000, "created just now");
    const names = [];
    let reply = {};
    do {
      reply = await call("ListStreams", { Limit: 1, ExclusiveStartStreamName: names.at(-1) });
      names.push(...reply.StreamNames);
    } while (reply.HasMoreStreams);
    assert.ok(names.includes(stream));
  },

  async "shards tile the hash keys, over several pages"() {
    const shards = await shardsOf(stream);
    assert.deepEqual(shards.map((shard) => shard.ShardId).sort(), [0, 1, 2, 3].map((n) => `shardId-00000000000${n}`));
    assert.ok(rangesTile(await openShardsOf(stream)));
  },

  async "a stream can be named by its ARN"() {
    const { StreamARN } = await untilActive(stream);
    assert.equal((await call("ListShards", { StreamARN })).Shards.length, 4);
  },

  async "text, every byte, nothing, and the largest record come back as they were put"() {
    const key = "payloads";
    const payloads = [
      Buffer.from('{"origin":"Zürich","delay":-3}'),
      Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
      Buffer.alloc(0),
      randomBytes(recordBytesMax - key.length),
    ];
    const placed = [];
    for (const Data of payloads) {
      placed.push(await call("PutRecord", { StreamName: stream, PartitionKey: key, Data }));
    }
    assert.equal(new Set(placed.map((reply) => reply.ShardId)).size, 1, "one key, one shard");
    const iterator = await iteratorOf(stream, placed[0].ShardId, "AT_SEQUENCE_NUMBER", {
      StartingSequenceNumber: placed[0].SequenceNumber,
    });
    const { records } = await read(iterator, payloads.length);
    records.forEach((record, n) => {
      assert.deepEqual(Buffer.from(record.Data), payloads[n], `payload ${n}`);
      assert.equal(record.PartitionKey, key);
      assert.equal(record.SequenceNumber, placed[n].SequenceNumber);
      assert.ok(Math.abs(Date.now() - record.ApproximateArrivalTimestamp.getTime()) < 5 * 60_000, "arrived just now");
    });
  },

  async "a key's shard is where the MD5 of the key lies, and an explicit hash key overrides it"() {
    const shards = await openShardsOf(stream);
    const shardAt = (hash) => shards.find((shard) => BigInt(shard.HashKeyRange.EndingHashKey) >= hash).ShardId;
    for (const PartitionKey of ["a", "Zürich", "x".repeat(256)]) {
      const hash = BigInt(`0x${createHash("md5").update(PartitionKey, "utf8").digest("hex")}`);
      const put = { StreamName: stream, PartitionKey, Data: Buffer.from("where") };
      assert.equal((await call("PutRecord", put)).ShardId, shardAt(hash));
      const last = hashKeys - 1n;
      assert.equal((await call("PutRecord", { ...put, ExplicitHashKey: last.toString() })).ShardId, shardAt(last));
    }
  },

  async "500 records in one call are all stored, in order within a shard"() {
    const entries = Array.from({ length: 500 }, (_, n) => ({ PartitionKey: `key-${n}`, Data: Buffer.from(`record-${n}`) }));
    const reply = await call("PutRecords", { StreamName: stream, Records: entries });
    assert.equal(reply.FailedRecordCount, 0);
    assert.equal(reply.Records.length, 500);
    for (const { ShardId } of await openShardsOf(stream)) {
      const placed = reply.Records.map((entry, n) => ({ ...entry, n })).filter((entry) => entry.ShardId === ShardId);
      assert.ok(placed.length > 0, "500 keys reach every one of 4 shards");
      const iterator = await iteratorOf(stream, ShardId, "AT_SEQUENCE_NUMBER", {
        StartingSequenceNumber: placed[0].SequenceNumber,
      });
      const { records } = await read(iterator, placed.length);
      assert.deepEqual(records.map(text), placed.map((entry) => `record-${entry.n}`));
      assert.deepEqual(records.map((record) => record.SequenceNumber), placed.map((entry) => entry.SequenceNumber));
      assert.ok(numbersGrow(records));
    }
  },

  async "the five iterator types start where they say"() {
    const { ShardId } = await call("PutRecord", { StreamName: stream, PartitionKey: "five", Data: Buffer.from("0") });
    const latest = await iteratorOf(stream, ShardId, "LATEST");
    const placed = [];
    for (const payload of ["1", "2", "3"]) {
      const put = { StreamName: stream, PartitionKey: "five", Data: Buffer.from(payload) };
      placed.push(await call("PutRecord", put));
    }
    const { records } = await read(latest, 3);
    assert.deepEqual(records.map(text), ["1", "2", "3"]);

    const second = { StartingSequenceNumber: placed[1].SequenceNumber };
    const at = await read(await iteratorOf(stream, ShardId, "AT_SEQUENCE_NUMBER", second), 2);
    assert.deepEqual(at.records.map(text), ["2", "3"]);
    const after = await read(await iteratorOf(stream, ShardId, "AFTER_SEQUENCE_NUMBER", second), 1);
    assert.deepEqual(after.records.map(text), ["3"]);

    const oldest = await call("GetRecords", { ShardIterator: await iteratorOf(stream, ShardId, "TRIM_HORIZON"), Limit: 1 });
    assert.equal(oldest.Records.length, 1);
    assert.ok(oldest.MillisBehindLatest >= 0);
    assert.ok(BigInt(oldest.Records[0].SequenceNumber) < BigInt(placed[0].SequenceNumber));

    const Timestamp = records[2].ApproximateArrivalTimestamp;
    const timed = await call("GetRecords", { ShardIterator: await iteratorOf(stream, ShardId, "AT_TIMESTAMP", { Timestamp }) });
    assert.ok(timed.Records.length >= 1);
    assert.ok(timed.Records.every((record) => record.ApproximateArrivalTimestamp >= Timestamp));
    assert.equal(text(timed.Records.at(-1)), "3");
  },

  async "pages of a limit hand out every record once"() {
    const { ShardId } = await call("PutRecord", { StreamName: stream, PartitionKey: "pages", Data: Buffer.from("first") });
    const whole = [];
    let iterator = await iteratorOf(stream, ShardId, "TRIM_HORIZON");
    let behind = 1;
    while (behind > 0 || whole.at(-1) !== "first") {
      const reply = await call("GetRecords", { ShardIterator: iterator, Limit: 50 });
      assert.ok(reply.Records.length <= 50);
      whole.push(...reply.Records.map(text));
      iterator = reply.NextShardIterator;
      behind = reply.MillisBehindLatest;
    }
    const { records } = await read(await iteratorOf(stream, ShardId, "TRIM_HORIZON"), whole.length);
    assert.deepEqual(whole, records.map(text));
  },

  async "what is not there is ResourceNotFoundException"() {
    await refuses("ResourceNotFoundException", () => call("DescribeStreamSummary", { StreamName: `no-${run}` }));
    await refuses("ResourceNotFoundException", () => call("ListShards", { StreamName: `no-${run}` }));
    await refuses("ResourceNotFoundException", () => iteratorOf(stream, "shardId-000000000099", "LATEST"));
    const entry = { PartitionKey: "a", Data: Buffer.from("a") };
    await refuses("ResourceNotFoundException", () => call("PutRecord", { StreamName: `no-${run}`, ...entry }));
    await refuses("ResourceNotFoundException", () => call("PutRecords", { StreamName: `no-${run}`, Records: [entry] }));
    await refuses("ResourceNotFoundException", () => call("DeleteStream", { StreamName: `no-${run}` }));
  },

  async "what makes no sense is InvalidArgumentException"() {
    if (!isKinesisLocal) {
      // There: 500 for the iterator, and no check of a sequence number that is none.
      await refuses("InvalidArgumentException", () => call("GetRecords", { ShardIterator: "no iterator" }));
      const StartingSequenceNumber = "1".repeat(200);
      await refuses("InvalidArgumentException", () =>
        iteratorOf(stream, "shardId-000000000000", "AT_SEQUENCE_NUMBER", { StartingSequenceNumber }));
      await refuses("InvalidArgumentException", () =>
        iteratorOf(stream, "shardId-000000000000", "AT_TIMESTAMP", { Timestamp: new Date(Date.now() + 3_600_000) }));
    }
    await refuses("InvalidArgumentException", () => iteratorOf(stream, "shardId-000000000000", "AT_SEQUENCE_NUMBER"));
    const put = { StreamName: stream, PartitionKey: "a", Data: Buffer.from("a") };
    const beyond = { ...put, ExplicitHashKey: hashKeys.toString() };
    await refuses("InvalidArgumentException", () => call("PutRecord", beyond));
    const [shard] = await openShardsOf(stream);
    const split = { StreamName: stream, ShardToSplit: shard.ShardId, NewStartingHashKey: (hashKeys - 1n).toString() };
    await refuses("InvalidArgumentException", () => call("SplitShard", split));
    const [first, , third] = await openShardsOf(stream);
    const merge = { StreamName: stream, ShardToMerge: first.ShardId, AdjacentShardToMerge: third.ShardId };
    await refuses("InvalidArgumentException", () => call("MergeShards", merge));
  },

  async "limits are refused, as one of the two names the service has for that"() {
    const refusesLimit = async (attempt) => {
      const error = await attempt().then(() => assert.fail("a limit was passed"), (failure) => failure);
      assert.match(error.name, /^(InvalidArgument|Validation)Exception$/, error.message);
    };
    const ShardIterator = await iteratorOf(stream, "shardId-000000000000", "LATEST");
    await refusesLimit(() => call("GetRecords", { ShardIterator, Limit: 10_001 }));
    const entry = { PartitionKey: "a", Data: Buffer.from("a") };
    const put = { StreamName: stream, ...entry };
    await refusesLimit(() => call("PutRecord", { ...put, PartitionKey: "x".repeat(257) }));
    await refusesLimit(() => call("PutRecord", { ...put, Data: Buffer.alloc(recordBytesMax + 1) }));
    if (!isKinesisLocal) {
      // There: 501 entries are taken.
      await refusesLimit(() => call("PutRecords", { StreamName: stream, Records: Array(501).fill(entry) }));
    }
  },

  async "a stream's name can be taken once"() {
    await refuses("ResourceInUseException", () => call("CreateStream", { StreamName: stream, ShardCount: 1 }));
  },

  async "after a split the parent is read to its end, which names the children, and then they are read"() {
    await call("CreateStream", { StreamName: resharded, ShardCount: 1 });
    await untilActive(resharded);
    const put = (payload) =>
      call("PutRecord", { StreamName: resharded, PartitionKey: `key-${payload}`, Data: Buffer.from(`${payload}`) });
    const before = [];
    for (let n = 0; n < 10; ++n) {
      before.push((await put(n)).ShardId);
    }
    const [parent] = await openShardsOf(resharded);
    const middle = (hashKeys / 2n).toString();
    const split = { StreamName: resharded, ShardToSplit: parent.ShardId, NewStartingHashKey: middle };
    await call("SplitShard", split);
    await untilActive(resharded);
    const after = [];
    for (let n = 10; n < 30; ++n) {
      after.push((await put(n)).ShardId);
    }
    assert.ok(before.every((shard) => shard === parent.ShardId) && !after.includes(parent.ShardId));

    const end = await read(await iteratorOf(resharded, parent.ShardId, "TRIM_HORIZON"));
    assert.deepEqual(end.records.map(text), before.map((_, n) => `${n}`));
    assert.equal(end.childShards.length, 2);
    const seen = [];
    for (const child of end.childShards) {
      assert.deepEqual(child.ParentShards, [parent.ShardId]);
      const count = after.filter((shard) => shard === child.ShardId).length;
      const { records } = await read(await iteratorOf(resharded, child.ShardId, "TRIM_HORIZON"), count);
      seen.push(...records.map(text));
    }
    assert.deepEqual(seen.map(Number).sort((a, b) => a - b), after.map((_, n) => n + 10));
    const listed = await shardsOf(resharded);
    assert.ok(listed.filter(isOpen).every((shard) => shard.ParentShardId === parent.ShardId));
    assert.ok(!isOpen(listed.find((shard) => shard.ShardId === parent.ShardId)));
    assert.ok(rangesTile(await openShardsOf(resharded)));
  },

  async "after a merge both parents end, and name the one child"() {
    const [left, right] = await openShardsOf(resharded);
    const merge = { StreamName: resharded, ShardToMerge: left.ShardId, AdjacentShardToMerge: right.ShardId };
    await call("MergeShards", merge);
    await untilActive(resharded);
    const [child] = await openShardsOf(resharded);
    assert.deepEqual([child.ParentShardId, child.AdjacentParentShardId].sort(), [left.ShardId, right.ShardId].sort());
    for (const parent of [left, right]) {
      const { childShards } = await read(await iteratorOf(resharded, parent.ShardId, "TRIM_HORIZON"));
      assert.deepEqual(childShards.map((shard) => shard.ShardId), [child.ShardId]);
      assert.deepEqual([...childShards[0].ParentShards].sort(), [left.ShardId, right.ShardId].sort());
    }
    assert.ok(rangesTile(await openShardsOf(resharded)));
  },

  async "a new shard count is reached"() {
    const update = { StreamName: resharded, TargetShardCount: 2, ScalingType: "UNIFORM_SCALING" };
    const reply = await call("UpdateShardCount", update);
    assert.deepEqual([reply.CurrentShardCount, reply.TargetShardCount], [1, 2]);
    const summary = await untilActive(resharded);
    assert.equal(summary.OpenShardCount, 2);
    const open = await openShardsOf(resharded);
    assert.equal(open.length, 2);
    assert.ok(rangesTile(open));
  },

  async "a deleted stream is gone"() {
    for (const StreamName of [stream, resharded]) {
      await call("DeleteStream", { StreamName });
      await until(`${StreamName} to be gone`, async () => {
        try {
          const reply = await call("DescribeStreamSummary", { StreamName });
          assert.equal(reply.StreamDescriptionSummary.StreamStatus, "DELETING");
          return undefined;
        } catch (error) {
          assert.equal(error.name, "ResourceNotFoundException");
          return true;
        }
      });
    }
  },
};

let held = 0;
for (const [claim, holds] of Object.entries(claims)) {
  try {
    await holds();
    held += 1;
    console.log(`ok: ${claim}`);
  } catch (error) {
    console.error(`FAILED: ${claim}\n${error.stack ?? error}`);
    process.exit(1);
  }
}
console.log(`${held} claims hold`);
client.destroy();
