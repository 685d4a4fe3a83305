#include "weir/pipeline/file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "pipeline/field_extractor.hpp"
#include "pipeline/yaml.hpp"
#include "weir/decode/fields.hpp"
#include "weir/stream/stream_name.hpp"

namespace weir::pipelines {
namespace {

std::string expected_stream(bool or_arn) {
  return fmt::format("a stream's name ({}){}", stream::stream_name_rule,
                     or_arn ? ", or arn:aws:kinesis:<region>:<account>:stream/<name>" : "");
}

Result<std::string> read_address(const Yaml& yaml, const FileChecks& checks) {
  constexpr std::string_view expected = "an address such as http://127.0.0.1:4567";
  WEIR_TRY(auto text, yaml.text(expected));
  // Before anything quotes it: a password may stand there.
  if (text.find('@') != std::string::npos) {
    return yaml.mistake("a user name or password", expected);
  }
  if (checks.endpoint && !checks.endpoint(text)) {
    return yaml.mistake(Yaml::quote(text), expected);
  }
  return text;
}

Result<FileSource> read_source(const Yaml& yaml, const FileChecks& checks) {
  FileSource source;
  WEIR_TRY(auto map,
           yaml.map({"stream", "start", "timestamp", "shard", "sequence_number", "region", "endpoint", "profile"}));
  WEIR_TRY(source.stream, map.required_text("stream", "the stream's name or ARN"));
  if (!stream::is_stream_name(source.stream) && !stream::is_stream_arn(source.stream)) {
    return map.find("stream")->mistake(Yaml::quote(source.stream), expected_stream(true));
  }
  if (const auto start = map.find("start")) {
    WEIR_TRY(const auto word,
             start->choice({"latest", "trim_horizon", "at_timestamp", "at_sequence_number", "after_sequence_number"}));
    source.start = static_cast<FileSource::Start>(word);
  }
  const bool by_time = source.start == FileSource::Start::at_timestamp;
  const bool by_number =
      source.start == FileSource::Start::at_sequence_number || source.start == FileSource::Start::after_sequence_number;
  if (const auto timestamp = map.find("timestamp")) {
    WEIR_TRY(const auto text, timestamp->text("an RFC 3339 time"));
    const auto time = parse_rfc3339(text);
    if (!by_time) {
      return timestamp->mistake("`timestamp`", "it only with `start: at_timestamp`");
    }
    if (!time) {
      return timestamp->mistake(Yaml::quote(text), "an RFC 3339 time such as 2026-11-24T06:05:30Z");
    }
    source.timestamp = *time;
  } else if (by_time) {
    return yaml.mistake("`start: at_timestamp` without `timestamp`",
                        "the time to start at, such as 2026-11-24T06:05:30Z");
  }
  for (const auto* name : {"shard", "sequence_number"}) {
    const auto node = map.find(name);
    if (!node && by_number) {
      return yaml.mistake(fmt::format("a start by sequence number without `{}`", name),
                          "both `shard` and `sequence_number`");
    }
    if (node && !by_number) {
      return node->mistake(fmt::format("`{}`", name),
                           "it only with `start: at_sequence_number` or `after_sequence_number`");
    }
  }
  if (by_number) {
    WEIR_TRY(source.shard, map.required_text("shard", "a shard's id"));
    WEIR_TRY(auto number, map.required_text("sequence_number", "a sequence number"));
    if (!stream::is_sequence_number(number)) {
      return map.find("sequence_number")->mistake(Yaml::quote(number), "a sequence number: up to 129 digits");
    }
    source.sequence_number = stream::SequenceNumber(std::move(number));
  }
  WEIR_TRY(source.region, map.optional_text("region", "a region such as us-east-1"));
  if (!source.region.empty() && checks.region && !checks.region(source.region)) {
    return map.find("region")->mistake(Yaml::quote(source.region), "a region such as us-east-1");
  }
  if (const auto endpoint = map.find("endpoint")) {
    WEIR_TRY(source.endpoint, read_address(*endpoint, checks));
  }
  WEIR_TRY(source.profile, map.optional_text("profile", "a profile of the AWS configuration"));
  return source;
}

// `decode` says which fields there are: any path of JSON, or the payload alone.
Result<std::string> read_field(const Yaml& yaml, const std::string& decode, std::string_view expected = "a field") {
  WEIR_TRY(auto field, yaml.text(expected));
  if (decode != "json" && field != decode) {
    return yaml.mistake(Yaml::quote(field),
                        fmt::format("`{}`: with `decode: {}` there is no other field", decode, decode));
  }
  if (!decode::Fields::of({field})) {
    return yaml.mistake(Yaml::quote(field), "a field such as `delay`, or a path such as `flight.delay`");
  }
  return field;
}

Result<std::vector<std::string>> read_key(const Yaml& yaml, const std::string& decode) {
  if (!yaml.is_list()) {
    WEIR_TRY(auto field, read_field(yaml, decode, "a field, or a list of fields"));
    return std::vector<std::string>{std::move(field)};
  }
  std::vector<std::string> fields;
  WEIR_TRY(const auto items, yaml.list("a list of fields", key_parts_max));
  for (const auto& item : items) {
    WEIR_TRY(auto field, read_field(item, decode));
    if (std::find(fields.begin(), fields.end(), field) != fields.end()) {
      return item.mistake(Yaml::quote(field) + " a second time", "each field of a key once");
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

Result<std::vector<std::vector<std::string>>> read_keys(const Yaml& yaml, const YamlMap& map,
                                                        const std::string& decode) {
  const auto key = map.find("key");
  const auto keys = map.find("keys");
  if (key && keys) {
    return keys->mistake("both `key` and `keys`", "one of them");
  }
  std::vector<std::vector<std::string>> result;
  if (key) {
    WEIR_TRY(auto fields, read_key(*key, decode));
    result.push_back(std::move(fields));
    return result;
  }
  if (!keys) {
    return yaml.mistake("neither `key` nor `keys`", "`key`: the field by which totals are kept");
  }
  WEIR_TRY(const auto items, keys->list("a list of keys, each a field or a list of fields", roll_ups_max));
  for (const auto& item : items) {
    WEIR_TRY(auto fields, read_key(item, decode));
    if (std::find(result.begin(), result.end(), fields) != result.end()) {
      return item.mistake("the same key a second time", "each key once");
    }
    result.push_back(std::move(fields));
  }
  return result;
}

Result<Spec::Keep> read_keep(const std::string& name, const Yaml& yaml, const std::string& decode) {
  Spec::Keep keep;
  keep.name = name;
  if (yaml.is_scalar()) {
    WEIR_TRY(const auto word, yaml.text("an aggregate"));
    if (word != "count") {
      const bool needs_field = word == "sum" || word == "mean" || word == "min" || word == "max";
      return yaml.mistake(Yaml::quote(word), needs_field ? fmt::format("the field too: {{ {}: <field> }}", word)
                                                         : "`count`, or one of { sum: <field> }, mean, min, max");
    }
    return keep;
  }
  WEIR_TRY(auto map, yaml.map({"sum", "mean", "min", "max"}));
  if (map.size() != 1) {
    return yaml.mistake(fmt::format("{} entries", map.size()), "one, such as { sum: <field> }");
  }
  for (const auto kind : {AggregateKind::sum, AggregateKind::mean, AggregateKind::min, AggregateKind::max}) {
    if (const auto field = map.find(to_string(kind))) {
      keep.kind = kind;
      WEIR_TRY(keep.field, read_field(*field, decode));
    }
  }
  return keep;
}

Result<std::vector<Spec::Keep>> read_keeps(const Yaml& yaml, const YamlMap& map, const std::string& decode) {
  const auto node = map.find("aggregates");
  if (!node) {
    return yaml.mistake("no `aggregates`", "what to keep, such as { flights: count }");
  }
  WEIR_TRY(const auto entries, node->any_map("names and what to keep under them", aggregates_max));
  std::vector<Spec::Keep> keeps;
  for (const auto& [name, value] : entries) {
    if (!is_name(name) || name == "key" || name == "by") {
      return value.mistake(Yaml::quote(name), "an aggregate's name: letters, digits, _ - and ., not `key` or `by`");
    }
    WEIR_TRY(auto keep, read_keep(name, value, decode));
    keeps.push_back(std::move(keep));
  }
  return keeps;
}

Result<std::uint64_t> read_limit(const Yaml& yaml, std::string_view expected) {
  WEIR_TRY(const auto text, yaml.text(expected));
  std::uint64_t limit = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (code != std::errc() || end != text.data() + text.size() || limit == 0) {
    return yaml.mistake(Yaml::quote(text), expected);
  }
  return limit;
}

// What becomes of records that fail, and how many may.
Result<void> read_failures(const YamlMap& map, FileDefinition& definition, FailurePolicy& policy) {
  if (const auto on_failure = map.find("on_failure")) {
    WEIR_TRY(const auto word, on_failure->choice({"dead_letter", "halt", "skip"}));
    policy.on_failure = static_cast<OnFailure>(word);
  }
  const auto letters = map.find("dead_letters");
  if (!letters) {
    return {};
  }
  if (policy.on_failure != OnFailure::dead_letter) {
    return letters->mistake("`dead_letters`", "it only with `on_failure: dead_letter`, the default");
  }
  WEIR_TRY(const auto inner, letters->map({"stream", "count_max", "bytes_max"}));
  if (const auto count = inner.find("count_max")) {
    WEIR_TRY(policy.letters_max, read_limit(*count, "how many there may be before the pipeline halts: 1 or more"));
  }
  if (const auto bytes = inner.find("bytes_max")) {
    WEIR_TRY(policy.letter_bytes_max, read_limit(*bytes,
                                                 "how many bytes they may have before the pipeline halts: "
                                                 "1 or more"));
  }
  if (const auto stream = inner.find("stream")) {
    WEIR_TRY(definition.dead_letter_stream, stream->text("the stream to copy dead letters to"));
    if (!stream::is_stream_name(definition.dead_letter_stream)) {
      return stream->mistake(Yaml::quote(definition.dead_letter_stream), expected_stream(false));
    }
  }
  return {};
}

Result<FileDefinition> read_definition(const Yaml& yaml, const FileChecks& checks) {
  FileDefinition definition;
  WEIR_TRY(auto map, yaml.map({"name", "source", "unpack", "decompress", "decode", "event_time", "key", "keys",
                               "aggregates", "window", "retention", "state", "on_failure", "dead_letters"}));
  for (const auto* name : {"window", "retention"}) {
    if (const auto node = map.find(name)) {
      return node->mistake(fmt::format("`{}`", name), "no windows: this version keeps one total per key, for all time");
    }
  }
  Spec spec;
  WEIR_TRY(spec.name, map.required_text("name", "the pipeline's name"));
  if (!is_name(spec.name)) {
    return map.find("name")->mistake(Yaml::quote(spec.name),
                                     "a name of letters, digits, _ - and . that begins with a letter, digit or _");
  }
  const auto source = map.find("source");
  if (!source) {
    return yaml.mistake("no `source`", "where the records come from, such as { stream: flights }");
  }
  WEIR_TRY(definition.source, read_source(*source, checks));
  if (const auto unpack = map.find("unpack")) {
    WEIR_CHECK(unpack->choice({"kpl"}));
    spec.unpack_kpl = true;
  }
  if (const auto decompress = map.find("decompress")) {
    constexpr std::array<decode::Compression, 2> compressions{decode::Compression::gzip, decode::Compression::zstd};
    WEIR_TRY(const auto word, decompress->choice({"gzip", "zstd"}));
    spec.compression = compressions[word];
  }
  if (const auto decode = map.find("decode")) {
    constexpr std::array<std::string_view, 3> words{"json", "text", "bytes"};
    WEIR_TRY(const auto word, decode->choice({"json", "text", "bytes"}));
    spec.decode = words[word];
  }
  if (const auto time = map.find("event_time")) {
    WEIR_TRY(spec.event_time, read_field(*time, spec.decode));
  }
  WEIR_TRY(spec.keys, read_keys(yaml, map, spec.decode));
  WEIR_TRY(spec.keeps, read_keeps(yaml, map, spec.decode));
  WEIR_TRY(definition.state, map.optional_text("state", "a directory, or `memory`"));
  WEIR_CHECK(read_failures(map, definition, spec.failure_policy));
  auto pipeline = make_field_pipeline(std::move(spec));
  if (!pipeline) {
    return yaml.mistake("a pipeline that cannot be", pipeline.error().message);
  }
  definition.pipeline = *pipeline;
  return definition;
}

}  // namespace

Result<FileDefinition> parse_file(const std::string& text, const std::string& path, const FileChecks& checks) {
  if (text.size() > file_bytes_max) {
    return refused("BadPipelineFile", fmt::format("{}: {} bytes are no pipeline file, at most {} are read", path,
                                                  text.size(), file_bytes_max));
  }
  WEIR_TRY(const auto yaml, Yaml::parse(text, path));
  return read_definition(yaml, checks);
}

Result<FileDefinition> load_file(const std::string& path, const FileChecks& checks) {
  std::string text(file_bytes_max + 1, '\0');
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file || (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && !file.eof())) {
    const int error = errno;
    if (error == ENOENT) {
      return refused("NoPipelineFile", fmt::format("there is no file {}", path));
    }
    return refused("NoPipelineFile",
                   fmt::format("{} cannot be read: {}", path, error == 0 ? "it is no file" : std::strerror(error)));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_file(text, path, checks);
}

}  // namespace weir::pipelines
