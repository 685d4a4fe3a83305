#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <initializer_list>

#include "emulator/fault_rules.hpp"
#include "emulator/stream.hpp"
#include "weir/emulator/faults.hpp"
#include "weir/stream/stream_name.hpp"

namespace weir::emulator {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1024} * 1024;
constexpr std::size_t faults_max = 10'000;

constexpr std::initializer_list<Fault::Kind> kinds = {
    Fault::Kind::throttle,    Fault::Kind::internal_failure, Fault::Kind::unavailable, Fault::Kind::cut,
    Fault::Kind::lost_reply,  Fault::Kind::truncated,        Fault::Kind::slow,        Fault::Kind::expired_iterator,
    Fault::Kind::empty_reply, Fault::Kind::failed_entries,   Fault::Kind::trim,        Fault::Kind::made_again};

std::string listed(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    text.append(text.empty() ? "" : ", ").append(word);
  }
  return text;
}

std::string listed_kinds() {
  std::string text;
  for (const Fault::Kind kind : kinds) {
    text.append(text.empty() ? "" : ", ").append(to_string(kind));
  }
  return text;
}

std::string listed_operations(Fault::Kind kind) {
  std::string text;
  for (std::size_t i = 0; i < operations_count; ++i) {
    if (makes_sense(kind, static_cast<Operation>(i))) {
      text.append(text.empty() ? "" : ", ").append(to_string(static_cast<Operation>(i)));
    }
  }
  return text;
}

/// Reads one file's tree; errors carry its name and the place of what is wrong.
class FaultFile {
 public:
  explicit FaultFile(std::string_view name) : name_(visible(name)) {}

  Result<FaultScript> read(const YAML::Node& root) const {
    FaultScript script;
    if (!root.IsMap()) {
      return wrong(root, found(root), "a map with `faults:`");
    }
    WEIR_CHECK(check_members(root, {"seed", "faults"}));
    if (const YAML::Node seed = root["seed"]) {
      WEIR_TRY(script.seed, whole_number(seed));
    }
    const YAML::Node faults = root["faults"];
    if (!faults) {
      return wrong(root, "no `faults`", "a list under `faults:`");
    }
    if (!faults.IsSequence()) {
      return wrong(faults, found(faults), "a list of faults");
    }
    if (faults.size() > faults_max) {
      return wrong(faults, std::to_string(faults.size()) + " faults", "at most " + std::to_string(faults_max));
    }
    for (const YAML::Node& node : faults) {
      WEIR_TRY(Fault fault, read_fault(node));
      script.faults.push_back(std::move(fault));
    }
    return script;
  }

  Error wrong(const YAML::Mark& mark, const std::string& what, const std::string& expected) const {
    return refused("faults_file", name_ + ":" + std::to_string(std::max(mark.line, 0) + 1) + ":" +
                                      std::to_string(std::max(mark.column, 0) + 1) + ": found " + visible(what) +
                                      ", expected " + expected);
  }

 private:
  Error wrong(const YAML::Node& node, const std::string& what, const std::string& expected) const {
    return wrong(node.Mark(), what, expected);
  }

  // A control character could do things to a terminal.
  static std::string visible(std::string_view text) {
    std::string shown(text);
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return shown;
  }

  static std::string found(const YAML::Node& node) {
    constexpr std::size_t shown_max = 60;
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return "'" + node.Scalar().substr(0, shown_max) + "'";
      case YAML::NodeType::Sequence:
        return "a list";
      case YAML::NodeType::Map:
        return "a map";
      default:
        return "nothing";
    }
  }

  Result<void> check_members(const YAML::Node& map, std::initializer_list<std::string_view> known) const {
    std::vector<std::string> seen;
    for (const auto& member : map) {
      if (!member.first.IsScalar()) {
        return wrong(member.first, found(member.first), "a name: " + listed(known));
      }
      const std::string& name = member.first.Scalar();
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        return wrong(member.first, found(member.first), "one of " + listed(known));
      }
      if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
        return wrong(member.first, found(member.first) + " again", "each name once");
      }
      seen.push_back(name);
    }
    return {};
  }

  Result<std::uint64_t> whole_number(const YAML::Node& node, std::uint64_t least = 0) const {
    const std::string expected = "a whole number from " + std::to_string(least) + " to 18446744073709551615";
    if (!node.IsScalar()) {
      return wrong(node, found(node), expected);
    }
    const std::string& text = node.Scalar();
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || stop != text.data() + text.size() || value < least) {
      return wrong(node, found(node), expected);
    }
    return value;
  }

  Result<double> probability(const YAML::Node& node) const {
    if (node.IsScalar()) {
      const std::string& text = node.Scalar();
      double value = 0;
      const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (!text.empty() && error == std::errc{} && stop == text.data() + text.size() && value > 0 && value <= 1) {
        return value;
      }
    }
    return wrong(node, found(node), "a probability above 0, up to 1");
  }

  Result<std::chrono::milliseconds> delay(const YAML::Node& node) const {
    constexpr std::uint64_t delay_ms_max = 24ULL * 60 * 60 * 1000;
    const std::string expected = "a time of up to a day, as 250ms or 2s";
    if (node.IsScalar()) {
      const std::string& text = node.Scalar();
      std::uint64_t value = 0;
      const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      const std::string_view unit(stop, static_cast<std::size_t>(text.data() + text.size() - stop));
      const std::uint64_t scale = unit == "ms" ? 1 : unit == "s" ? 1000 : 0;
      if (error == std::errc{} && scale != 0 && value <= delay_ms_max / scale) {
        return std::chrono::milliseconds(static_cast<std::int64_t>(value * scale));
      }
    }
    return wrong(node, found(node), expected);
  }

  /// What can be no name of one is never met.
  Result<std::string> name(const YAML::Node& node, const std::string& expected,
                           const std::function<bool(std::string_view)>& can_be) const {
    if (!node.IsScalar() || !can_be(node.Scalar())) {
      return wrong(node, found(node), expected);
    }
    return node.Scalar();
  }

  Result<Fault::Kind> kind(const YAML::Node& node) const {
    for (const Fault::Kind each : kinds) {
      if (node.IsScalar() && node.Scalar() == to_string(each)) {
        return each;
      }
    }
    return wrong(node, found(node), "one of " + listed_kinds());
  }

  Result<Operation> operation(const YAML::Node& node, Fault::Kind kind) const {
    const std::optional<Operation> known = node.IsScalar() ? operation_of(node.Scalar()) : std::nullopt;
    if (!known || !makes_sense(kind, *known)) {
      return wrong(node, found(node),
                   "a call that can meet " + std::string(to_string(kind)) + ": " + listed_operations(kind));
    }
    return *known;
  }

  /// One that is chosen by something its calls do not name would never strike.
  Result<void> check_choice(const YAML::Node& node, const Fault& fault, bool (*names)(Operation), std::string_view what,
                            std::string_view suits) const {
    for (const Operation call : fault.calls) {
      if (!names(call) && fault.kind != Fault::Kind::failed_entries) {
        return wrong(node, "`" + std::string(what) + "` with " + std::string(to_string(call)),
                     "it with calls that name one: " + std::string(suits));
      }
    }
    return {};
  }

  Result<TrimmedAnswer> trimmed_answer(const YAML::Node& node) const {
    if (node.IsScalar()) {
      const std::string& text = node.Scalar();
      if (text == "oldest") {
        return TrimmedAnswer::oldest;
      }
      if (text == "error") {
        return TrimmedAnswer::error;
      }
      if (text == "empty") {
        return TrimmedAnswer::empty;
      }
    }
    return wrong(node, found(node), "one of oldest, error, empty");
  }

  Result<Fault> read_fault(const YAML::Node& node) const {
    if (!node.IsMap()) {
      return wrong(node, found(node), "a map with `fault:`");
    }
    WEIR_CHECK(
        check_members(node, {"fault", "call", "stream", "shard", "after", "times", "probability", "delay", "answer"}));
    const YAML::Node what = node["fault"];
    if (!what) {
      return wrong(node, "no `fault`", "`fault:` with one of " + listed_kinds());
    }
    Fault fault;
    WEIR_TRY(fault.kind, kind(what));
    if (const YAML::Node call = node["call"]) {
      if (call.IsSequence()) {
        if (call.size() == 0) {
          return wrong(call, "no call", "at least one; `call` is left out for all");
        }
        for (const YAML::Node& each : call) {
          WEIR_TRY(const Operation one, operation(each, fault.kind));
          fault.calls.push_back(one);
        }
      } else {
        WEIR_TRY(const Operation one, operation(call, fault.kind));
        fault.calls.push_back(one);
      }
    }
    if (const YAML::Node stream = node["stream"]) {
      WEIR_TRY(fault.stream, name(stream, "a stream's name", stream::is_stream_name));
      WEIR_CHECK(check_choice(
          stream, fault, [](Operation call) { return names_stream(call); }, "stream", "all but ListStreams"));
    }
    if (const YAML::Node shard = node["shard"]) {
      WEIR_TRY(fault.shard, name(shard, "a shard's id, as shardId-000000000000",
                                 [](std::string_view id) { return shard_index_of(id).has_value(); }));
      WEIR_CHECK(check_choice(
          shard, fault, [](Operation call) { return names_shard(call); }, "shard",
          "GetShardIterator, GetRecords, SplitShard, MergeShards"));
    }
    if (const YAML::Node after = node["after"]) {
      WEIR_TRY(fault.after, whole_number(after));
    }
    if (const YAML::Node times = node["times"]) {
      WEIR_TRY(fault.times, whole_number(times, 1));
    }
    if (const YAML::Node chance = node["probability"]) {
      WEIR_TRY(fault.probability, probability(chance));
    }
    if (const YAML::Node time = node["delay"]) {
      if (fault.kind != Fault::Kind::slow) {
        return wrong(time, "`delay` with " + std::string(to_string(fault.kind)), "it with slow alone");
      }
      WEIR_TRY(fault.delay, delay(time));
    }
    if (const YAML::Node answer = node["answer"]) {
      if (fault.kind != Fault::Kind::trim) {
        return wrong(answer, "`answer` with " + std::string(to_string(fault.kind)), "it with trim alone");
      }
      WEIR_TRY(fault.trimmed_answer, trimmed_answer(answer));
    }
    return fault;
  }

  std::string name_;
};

}  // namespace

Result<FaultScript> parse_faults(std::string_view text, std::string_view name) {
  const FaultFile file(name);
  if (text.size() > file_bytes_max) {
    return refused("faults_file", std::string(name) + ": found " + std::to_string(text.size()) +
                                      " bytes, expected at most " + std::to_string(file_bytes_max));
  }
  try {  // yaml-cpp reports what is no YAML by throwing
    return file.read(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    return file.wrong(error.mark, "no YAML: " + error.msg, "YAML");
  }
}

Result<FaultScript> read_faults(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return refused("faults_file", "there is no file " + path + ", or it may not be read");
  }
  std::string text(file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) {  // a directory opens like a file
    return refused("faults_file", path + " cannot be read: is it a directory?");
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_faults(text, path);
}

}  // namespace weir::emulator
