#include "worker/query_protocol.hpp"

#include <fmt/format.h>

#include "weir/pipeline/extract.hpp"
#include "weir/wire/document.hpp"
#include "weir/wire/json_writer.hpp"

namespace weir::worker::protocol {
namespace {

constexpr std::string_view type_names[] = {"keys", "all",   "dead_letters", "count", "since",
                                           "gaps", "state", "replay",       "drop",  "copy"};

}  // namespace

std::string make_request(const pipelines::Pipeline& pipeline, const Query& query) {
  std::string line;
  wire::JsonWriter json(line);
  json.begin_map();
  json.text("pipeline", pipeline.name());
  json.text("definition", pipeline.definition());
  json.text("type", type_names[static_cast<std::size_t>(query.type)]);
  json.text("source", query.source);
  json.begin_array("keys");
  for (const auto& key : query.keys) {
    json.text(key);
  }
  json.end_array();
  json.begin_array("events");
  for (const auto& event : query.events) {
    json.text(event);
  }
  json.end_array();
  json.text("directory", query.directory);
  json.end_map();
  line.push_back('\n');
  return line;
}

Result<Query> parse_request(std::string_view line, const pipelines::Pipeline& pipeline) {
  WEIR_TRY(auto document, wire::Document::parse_json(line));
  const auto root = document.root();
  if (root.text("pipeline") != pipeline.name()) {
    return refused("OtherPipeline", fmt::format("the worker there runs pipeline {}", pipeline.name()));
  }
  if (root.text("definition") != pipeline.definition()) {
    const auto compared = pipelines::continue_definition(pipeline.definition(), root.text("definition"), Timestamp());
    return refused("DefinitionChanged",
                   fmt::format("the worker there runs another definition of {}: {}", pipeline.name(),
                               compared ? "start it again to keep the added aggregates" : compared.error().message));
  }
  Query query;
  bool known = false;
  for (std::size_t i = 0; i < std::size(type_names); ++i) {
    if (root.text("type") == type_names[i]) {
      query.type = static_cast<Query::Type>(i);
      known = true;
    }
  }
  for (const auto key : root["keys"]) {
    query.keys.emplace_back(key.text().value_or(std::string_view()));
  }
  for (const auto event : root["events"]) {
    query.events.emplace_back(event.text().value_or(std::string_view()));
  }
  query.source = root.text("source");
  query.directory = root.text("directory");
  WEIR_CHECK(document.check());
  if (!known) {
    return refused("BadQuery", "the query's type is not known to this worker");
  }
  return query;
}

std::string make_error(const Error& error) {
  std::string line;
  wire::JsonWriter json(line);
  json.begin_map();
  json.begin_map("error");
  json.text("code", error.code);
  json.text("message", error.message);
  json.end_map();
  json.end_map();
  line.push_back('\n');
  return line;
}

Error parse_error(std::string_view line) {
  auto document = wire::Document::parse_json(line);
  const auto error = document ? document->root()["error"] : wire::Value();
  if (error.text("code").empty()) {
    return corrupt("BadAnswer", "the worker's answer could not be read");
  }
  return refused(std::string(error.text("code")), std::string(error.text("message")));
}

}  // namespace weir::worker::protocol
