#include "weir/worker/query.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "weir/pipeline/extract.hpp"
#include "weir/process/letters.hpp"
#include "weir/wire/base64.hpp"
#include "weir/wire/json_writer.hpp"
#include "weir/wire/utf8.hpp"
#include "worker/query_protocol.hpp"

namespace weir::worker {
namespace {

namespace asio = boost::asio;

constexpr std::size_t rows_per_page = 1000;
constexpr std::size_t letters_per_page = 100;
constexpr std::size_t answer_bytes = 64U * 1024;
constexpr std::size_t event_id_shown_bytes = 256;

Task<void> answer_keys(state::Store& store, const pipelines::Pipeline& pipeline, const Query& query,
                       const Lines& lines) {
  std::vector<std::string> row_keys;
  for (const auto& key : query.keys) {
    WEIR_CO_TRY(auto candidates, pipeline.row_keys(key));
    row_keys.insert(row_keys.end(), candidates.begin(), candidates.end());
  }
  WEIR_CO_TRY(auto rows, co_await store.get_many(pipeline.name(), row_keys));
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i]) {
      pipeline.print_json(row_keys[i], *rows[i], out);
      out.push_back('\n');
    }
  }
  co_return co_await lines(out);
}

Task<void> answer_all(state::Store& store, const pipelines::Pipeline& pipeline, const Lines& lines) {
  std::string after;
  std::string out;
  for (;;) {
    WEIR_CO_TRY(auto rows, co_await store.scan(pipeline.name(), "", after, rows_per_page));
    for (const auto& row : rows) {
      pipeline.print_json(row.key, row.value, out);
      out.push_back('\n');
    }
    if (out.size() >= answer_bytes || rows.size() < rows_per_page) {
      WEIR_CO_CHECK(co_await lines(out));
      out.clear();
    }
    if (rows.size() < rows_per_page) {
      co_return Result<void>();
    }
    after = std::move(rows.back().key);
  }
}

Task<void> answer_count(state::Store& store, const pipelines::Pipeline& pipeline, const Lines& lines) {
  WEIR_CO_TRY(const auto keys, co_await count_keys(store, pipeline.name()));
  const auto line = fmt::format("{{\"keys\":{}}}\n", keys);
  co_return co_await lines(line);
}

Task<void> answer_since(state::Store& store, const pipelines::Pipeline& pipeline, const Lines& lines) {
  WEIR_CO_TRY(const auto stored, co_await store.definition(pipeline.name()));
  std::string out;
  wire::JsonWriter json(out);
  json.begin_map();
  for (const auto& added : pipelines::added_aggregates(stored.value_or(std::string()))) {
    json.text(added.name, added.since);
  }
  json.end_map();
  out.push_back('\n');
  co_return co_await lines(out);
}

void print_gap(const stream::Gap& gap, wire::JsonWriter& json) {
  json.begin_map();
  json.text("shard", gap.shard);
  json.text("after", gap.from.text());
  json.text("before", gap.to.text());
  json.text("reason", gap.reason);
  json.text("noticed", to_string(gap.noticed));
  json.boolean("accepted", gap.accepted);
  json.end_map();
}

Task<void> answer_gaps(state::Store& store, const pipelines::Pipeline& pipeline, std::string_view stream,
                       const Lines& lines) {
  WEIR_CO_TRY(const auto stored, co_await store.positions(pipeline.name(), stream));
  std::string out;
  for (const auto& gap : stored.gaps) {
    wire::JsonWriter json(out);
    print_gap(gap, json);
    out.push_back('\n');
  }
  co_return co_await lines(out);
}

void print_letter(std::string_view stream, const state::DeadLetter& letter, std::string& out) {
  wire::JsonWriter json(out);
  json.begin_map();
  json.text("event_id", process::event_id_text(stream, letter.id()));
  json.text("arrival", to_string(letter.arrival));
  json.text("partition_key", letter.partition_key);
  json.text("code", letter.code);
  json.text("reason", letter.reason);
  json.unsigned_integer("attempts", letter.attempts);
  json.unsigned_integer("bytes", letter.payload.size());
  if (wire::is_utf8(letter.payload)) {
    json.text("payload", letter.payload);
  } else {
    json.text("payload_base64", wire::encode_base64(letter.payload));
  }
  json.end_map();
  out.push_back('\n');
}

Task<void> answer_all_letters(state::Store& store, const pipelines::Pipeline& pipeline, std::string_view stream,
                              const Lines& lines) {
  std::optional<state::DeadLetter> after;
  for (;;) {
    WEIR_CO_TRY(auto letters,
                co_await store.dead_letters(pipeline.name(), stream, after ? &*after : nullptr, letters_per_page));
    if (letters.empty()) {
      co_return Result<void>();
    }
    std::string out;
    for (const auto& letter : letters) {
      print_letter(stream, letter, out);
      if (out.size() >= answer_bytes) {
        WEIR_CO_CHECK(co_await lines(out));
        out.clear();
      }
    }
    WEIR_CO_CHECK(co_await lines(out));
    after = std::move(letters.back());
  }
}

Result<std::vector<state::LetterId>> letters_of(const Query& query, std::string_view stream) {
  std::vector<state::LetterId> ids;
  for (const auto& event : query.events) {
    auto id = process::parse_event_id(stream, event);
    if (!id) {
      return refused("BadEventId", fmt::format("\"{}\" names no record of {}: an event id is written "
                                               "<stream>/<shard>/<sequence number>[/<place>]",
                                               event.substr(0, event_id_shown_bytes), stream));
    }
    ids.push_back(*std::move(id));
  }
  return ids;
}

Task<void> answer_letters(state::Store& store, const pipelines::Pipeline& pipeline, std::string_view stream,
                          const Query& query, const Lines& lines) {
  if (query.events.empty()) {
    co_return co_await answer_all_letters(store, pipeline, stream, lines);
  }
  WEIR_CO_TRY(const auto ids, letters_of(query, stream));
  for (const auto& id : ids) {
    WEIR_CO_TRY(const auto letter, co_await store.dead_letter(pipeline.name(), stream, id));
    if (letter) {
      std::string out;
      print_letter(stream, *letter, out);
      WEIR_CO_CHECK(co_await lines(out));
    }
  }
  co_return Result<void>();
}

Task<void> answer_order(state::Store& store, const pipelines::Pipeline& pipeline, const std::string& stream,
                        const Query& query, const Lines& lines, std::stop_token stop) {
  WEIR_CO_TRY(auto ids, letters_of(query, stream));
  const process::LetterProgress say = [&lines](const process::LetterOutcome& so_far) -> Task<void> {
    const auto line =
        fmt::format("{{\"done\":{},\"failed\":{},\"absent\":{}}}\n", so_far.done, so_far.failed, so_far.absent);
    co_return co_await lines(line);
  };
  Result<process::LetterOutcome> outcome;
  if (query.type == Query::Type::replay) {
    outcome = co_await process::replay_letters(store, pipeline, stream, std::move(ids), say, std::move(stop));
  } else {
    outcome = co_await process::drop_letters(store, pipeline, stream, std::move(ids), say);
  }
  if (!outcome) {
    co_return std::move(outcome).error();
  }
  co_return co_await say(*outcome);
}

void print_position(const stream::ShardId& id, const stream::ShardPosition& position, wire::JsonWriter& json) {
  json.begin_map();
  json.text("shard", id);
  json.text("after", position.after.text());
  json.boolean("ended", position.ended);
  json.key("arrival");
  if (position.after.empty()) {
    json.null();
  } else {
    json.text(to_string(position.arrival));
  }
  json.text("read_up_to", to_string(position.read_up_to));
  json.begin_array("parents");
  for (const auto& parent : position.parents) {
    json.text(parent);
  }
  json.end_array();
  json.end_map();
}

std::string start_text(const stream::Start& start) {
  using Type = stream::Start::Type;
  switch (start.type) {
    case Type::trim_horizon:
      return "trim_horizon";
    case Type::at_timestamp:
      return "at_timestamp " + to_string(start.timestamp);
    case Type::at_sequence_number:
      return fmt::format("at_sequence_number {}/{}", start.shard, start.sequence_number.text());
    case Type::after_sequence_number:
      return fmt::format("after_sequence_number {}/{}", start.shard, start.sequence_number.text());
  }
  return {};
}

Task<void> answer_state(state::Store& store, const pipelines::Pipeline& pipeline, const std::string& stream,
                        const Lines& lines) {
  WEIR_CO_TRY(const auto positions, co_await store.positions(pipeline.name(), stream));
  WEIR_CO_TRY(const auto letters, co_await store.dead_letter_sum(pipeline.name()));
  WEIR_CO_TRY(const auto keys, co_await count_keys(store, pipeline.name()));
  std::string out;
  wire::JsonWriter json(out);
  json.begin_map();
  json.text("pipeline", pipeline.name());
  json.text("source", stream);
  if (positions.stream) {
    json.text("arn", positions.stream->arn);
    json.text("created", to_string(positions.stream->created));
  }
  if (positions.start) {
    json.text("start", start_text(*positions.start));
  }
  json.unsigned_integer("keys", keys);
  json.unsigned_integer("dead_letters", letters.letters);
  json.unsigned_integer("dead_letter_bytes", letters.bytes);
  json.begin_array("shards");
  for (const auto& [id, position] : positions.shards) {
    print_position(id, position, json);
  }
  json.end_array();
  json.begin_array("gaps");
  for (const auto& gap : positions.gaps) {
    print_gap(gap, json);
  }
  json.end_array();
  json.end_map();
  out.push_back('\n');
  co_return co_await lines(out);
}

Task<void> answer_copy(state::Store& store, const Query& query, const Lines& lines) {
  if (!query.directory.starts_with('/')) {
    co_return refused("BadQuery", "a copy needs an absolute path");
  }
  WEIR_CO_CHECK(co_await store.copy_to(query.directory));
  co_return co_await lines("{}\n");
}

}  // namespace

Task<std::uint64_t> count_keys(state::Store& store, std::string pipeline) {
  std::uint64_t keys = 0;
  std::string after;
  for (;;) {
    WEIR_CO_TRY(auto rows, co_await store.scan(pipeline, "", after, rows_per_page));
    keys += rows.size();
    if (rows.size() < rows_per_page) {
      co_return keys;
    }
    after = std::move(rows.back().key);
  }
}

Task<void> answer(state::Store& store, const pipelines::Pipeline& pipeline, std::string stream, Query query,
                  Lines lines, std::stop_token stop) {
  if (!query.source.empty() && query.source != stream) {
    co_return refused("StateOfAnotherStream", fmt::format("the totals of pipeline {} there are of {}, not of {}",
                                                          pipeline.name(), stream, query.source));
  }
  switch (query.type) {
    case Query::Type::keys:
      co_return co_await answer_keys(store, pipeline, query, lines);
    case Query::Type::all:
      co_return co_await answer_all(store, pipeline, lines);
    case Query::Type::dead_letters:
      co_return co_await answer_letters(store, pipeline, stream, query, lines);
    case Query::Type::count:
      co_return co_await answer_count(store, pipeline, lines);
    case Query::Type::since:
      co_return co_await answer_since(store, pipeline, lines);
    case Query::Type::gaps:
      co_return co_await answer_gaps(store, pipeline, stream, lines);
    case Query::Type::state:
      co_return co_await answer_state(store, pipeline, stream, lines);
    case Query::Type::replay:
    case Query::Type::drop:
      co_return co_await answer_order(store, pipeline, stream, query, lines, std::move(stop));
    case Query::Type::copy:
      co_return co_await answer_copy(store, query, lines);
  }
  co_return Result<void>();
}

Result<void> ask(const std::string& directory, const pipelines::Pipeline& pipeline, const Query& query,
                 const std::function<Result<void>(std::string_view)>& lines, std::chrono::milliseconds patience) {
  const protocol::SocketPath path(directory);
  const auto nobody = [&] { return refused("NoWorker", fmt::format("no worker answers in {}", directory)); };
  if (!path.ok()) {
    return nobody();
  }
  asio::io_context context;
  asio::local::stream_protocol::socket socket(context);
  boost::system::error_code code;
  socket.connect(asio::local::stream_protocol::endpoint(path.path()), code);
  if (code) {
    return nobody();
  }
  asio::write(socket, asio::buffer(protocol::make_request(pipeline, query)), code);
  std::string pending;
  std::string chunk(answer_bytes, '\0');
  while (!code) {
    pollfd waiting{socket.native_handle(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) == 0) {
      return Error(Next::retry, "WorkerSilent",
                   fmt::format("the worker that runs on {} has not answered for {} s; it is stuck or stopped",
                               directory, std::chrono::duration_cast<std::chrono::seconds>(patience).count()));
    }
    const auto got = socket.read_some(asio::buffer(chunk), code);
    pending.append(chunk, 0, got);
    const auto last_line_end = pending.rfind('\n');
    if (last_line_end == std::string::npos) {
      continue;
    }
    // The last complete line may be the end mark; what stands before it is the answer.
    const auto line_start = last_line_end == 0 ? std::string::npos : pending.rfind('\n', last_line_end - 1);
    const auto at = line_start == std::string::npos ? 0 : line_start + 1;
    const auto last = std::string_view(pending).substr(at, last_line_end + 1 - at);
    const bool done = last == protocol::done_line;
    const bool failed = last.starts_with(protocol::error_prefix);
    const auto data_end = done || failed ? at : last_line_end + 1;
    if (data_end > 0) {
      WEIR_CHECK(lines(std::string_view(pending).substr(0, data_end)));
    }
    if (done) {
      return {};
    }
    if (failed) {
      return protocol::parse_error(last);
    }
    pending.erase(0, data_end);
  }
  return Error(Next::retry, "WorkerGone", "the worker went away while answering; ask again");
}

}  // namespace weir::worker
