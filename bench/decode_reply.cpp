// What a page of records costs between the socket and the decoder, and what a request costs to sign.
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <string>

#include "aws/kinesis_messages.hpp"
#include "weir/aws/signer.hpp"
#include "weir/wire/base64.hpp"
#include "weir/wire/cbor_writer.hpp"

namespace weir::aws {
namespace {

constexpr int records = 10'000;

// A reply as AWS writes it: containers of indefinite length, five members a record, 330 bytes of data.
std::string page(bool base64) {
  std::string body;
  wire::CborWriter writer(body);
  writer.begin_map();
  writer.integer("MillisBehindLatest", 0);
  writer.text("NextShardIterator", std::string(236, 'A'));
  writer.begin_array("Records");
  const std::string data(330, 'x');
  for (int i = 0; i < records; ++i) {
    writer.begin_map();
    writer.text("SequenceNumber", "49590338271490256608559692538361571095921575989" + std::to_string(100'000'000 + i));
    writer.timestamp("ApproximateArrivalTimestamp", Timestamp(std::chrono::milliseconds(1'545'084'650'987 + i)));
    if (base64) {
      writer.text("Data", wire::encode_base64(data));
    } else {
      writer.blob("Data", data);
    }
    writer.text("PartitionKey", "key-" + std::to_string(i));
    writer.text("EncryptionType", "NONE");
    writer.end_map();
  }
  writer.end_array();
  writer.end_map();
  return body;
}

void decode_page(benchmark::State& state) {
  const auto body = page(state.range(0) != 0);
  std::shared_ptr<char[]> memory(new char[body.size() + stream::padding_bytes]());
  std::memcpy(memory.get(), body.data(), body.size());
  const std::shared_ptr<const void> owner(memory, memory.get());
  for (auto _ : state) {
    auto reply = decode_get_records({memory.get(), body.size()}, owner);
    if (!reply || reply->records.size() != records) {
      state.SkipWithError("the page cannot be decoded");
      break;
    }
    benchmark::DoNotOptimize(reply);
  }
  state.SetItemsProcessed(state.iterations() * records);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(decode_page)->ArgName("base64")->Arg(0)->Arg(1);

void sign_request(benchmark::State& state) {
  Signer signer("eu-central-1", "kinesis");
  const Credentials credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                std::string(static_cast<std::size_t>(state.range(0)), 't'));
  http::Request request("POST", "https://kinesis.eu-central-1.amazonaws.com/");
  request.headers.emplace_back("content-type", "application/x-amz-cbor-1.1");
  request.headers.emplace_back("x-amz-target", "Kinesis_20131202.GetRecords");
  const std::string body(280, 'x');
  request.body = body;
  const Timestamp now(std::chrono::milliseconds(1'795'485'968'000));
  for (auto _ : state) {
    signer.sign(request, credentials, now);
    benchmark::DoNotOptimize(request);
  }
}
BENCHMARK(sign_request)->ArgName("token_bytes")->Arg(0)->Arg(1000);

}  // namespace
}  // namespace weir::aws
