#include "cli/arguments.hpp"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>

#include "cli/text.hpp"

namespace weir::cli {
namespace {

constexpr std::string_view common_group = "Common options";
constexpr std::size_t columns = 79;
// CLI11 takes an argument "[a,b]" of a list for two, "a" and "b". No argument of a process holds this byte,
// so one that ends in it is taken as it is.
constexpr char guard = '\0';

// `hidden`: taken, and left out of the help.
void declare_service(CLI::App& app, CommonOptions& common, bool hidden) {
  const std::string group(hidden ? "" : common_group);
  app.add_option("--endpoint", common.endpoint, "where to send requests (AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL)")
      ->type_name("URL")
      ->group(group);
  app.add_option("--region", common.region, "the AWS region (AWS_REGION, AWS_DEFAULT_REGION)")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--profile", common.profile, "the profile of the AWS configuration files (AWS_PROFILE)")
      ->type_name("NAME")
      ->group(group);
}

void declare_common(CLI::App& app, CommonOptions& common) {
  const std::string group(common_group);
  app.add_flag("-v,--verbose", common.verbosity, "say what happens; twice: say every retry")->group(group);
  app.add_flag("-q,--quiet", common.quiet, "say nothing but errors")->group(group);
  // Seen before parsing; declared for the list in the help.
  app.add_flag_function(
         "-h,--help", [](std::int64_t /*count*/) {}, "print this help")
      ->group(group);
}

std::string unguarded(std::string text) {
  if (text.ends_with(guard)) {
    text.pop_back();
  }
  return text;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// `--endpoint "$UNSET"` must not mean the endpoint of AWS.
void refuse_empty(CLI::Option& option) {
  option.check([](const std::string& text) {
    return text.empty() ? std::string("found '', expected a value; is a variable unset?") : std::string();
  });
}

void prepare(CLI::App& app, Command& command, CommonOptions& common) {
  app.set_help_flag();
  // Said in our words, after parsing.
  app.allow_extras();
  // A list is declared with a policy of its own; for the rest the last one counts, as in other commands.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command.declare(app);
  if (command.service() != Service::none) {
    declare_service(app, common, command.service() == Service::passed_over);
  }
  declare_common(app, common);
  for (auto* option : app.get_options()) {
    option->transform(unguarded);
    // A list's items are the user's data, which may be empty.
    if (takes_value(*option) && !option->get_allow_extra_args()) {
      refuse_empty(*option);
    }
  }
}

// What CLI11 would take another argument for, or convert: "--state=" and "--json=5".
Result<void> check_joined(const CLI::App& app, std::string_view argument) {
  const auto equals = argument.find('=');
  if (!argument.starts_with("--") || equals == std::string_view::npos) {
    return {};
  }
  const std::string name(argument.substr(0, equals));
  const auto value = argument.substr(equals + 1);
  const auto* option = app.get_option_no_throw(name);
  if (option != nullptr && !takes_value(*option)) {
    return misuse(fmt::format("{} takes no value, found '{}'", name, printable(value)));
  }
  if (option != nullptr && value.empty()) {
    return misuse(fmt::format("{}: found '', expected a value; is a variable unset?", name));
  }
  return {};
}

Result<std::vector<std::string>> for_cli11(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> made;
  bool options_end = false;
  for (const auto& argument : arguments) {
    options_end = options_end || argument == "--";
    if (!options_end) {
      WEIR_CHECK(check_joined(app, argument));
    }
    made.push_back(argument);
    if (argument.ends_with(']')) {
      made.back() += guard;
    }
  }
  std::reverse(made.begin(), made.end());  // as CLI11 wants them
  return made;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

std::optional<Error> extra_argument(const CLI::App& app) {
  auto extras = app.remaining();
  std::transform(extras.begin(), extras.end(), extras.begin(), unguarded);
  std::erase(extras, "--");  // CLI11 keeps the mark itself
  if (extras.empty()) {
    return {};
  }
  const auto option = std::find_if(extras.begin(), extras.end(),
                                   [](const std::string& text) { return text.size() > 1 && text.starts_with('-'); });
  if (option == extras.end()) {
    return misuse(fmt::format("there is one argument too many: '{}'", printable(extras.front())));
  }
  const auto name = option->substr(0, option->find('='));
  return misuse(fmt::format("there is no option '{}'{}", printable(name), did_you_mean(name, option_names(app))));
}

// CLI11 says "--port: ..." where a check refuses, and its own words elsewhere.
Error sentence_of(const CLI::ParseError& error) {
  const std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return misuse(fmt::format("{}: a value is missing", text.substr(0, text.find(':'))));
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return misuse(fmt::format("{} is missing", text.substr(0, text.find(' '))));
  }
  return misuse(text);
}

std::string left_side(const CLI::Option& option) {
  std::string text;
  if (option.get_positional()) {
    text = option.get_name(true);
  }
  for (const auto& name : option.get_snames()) {
    text += "-" + name;
  }
  for (const auto& name : option.get_lnames()) {
    text += (text.empty() ? "--" : ", --") + name;
  }
  if (!option.get_positional() && !option.get_type_name().empty() && option.get_items_expected_max() > 0) {
    text += " " + option.get_type_name();
  }
  return text;
}

// Paragraphs are parted by an empty line; line ends within them mean nothing.
void append_paragraphs(std::string& out, std::string text) {
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find("\n\n", begin), text.size());
    auto paragraph = text.substr(begin, end - begin);
    std::replace(paragraph.begin(), paragraph.end(), '\n', ' ');
    out += wrap(paragraph, columns, 0) + "\n\n";
    begin = end + 2;
  }
}

void append_options(std::string& out, const CLI::App& app, bool common) {
  constexpr std::size_t indent = 26;
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty() || (option->get_group() == common_group) != common) {
      continue;
    }
    auto left = "  " + left_side(*option);
    if (width_of(left) + 2 > indent) {
      out += left + "\n";
      left.clear();
    }
    out += left + std::string(indent - width_of(left), ' ') + wrap(option->get_description(), columns, indent) + "\n";
  }
}

}  // namespace

Result<void> parse_arguments(Command& command, const std::vector<std::string>& arguments, CommonOptions& common) {
  CLI::App app;
  prepare(app, command, common);
  WEIR_TRY(auto given, for_cli11(app, arguments));
  try {
    app.parse(std::move(given));
  } catch (const CLI::ParseError& error) {
    // A misspelt option explains more than what it seems to lack.
    if (auto extra = extra_argument(app)) {
      return *extra;
    }
    return sentence_of(error);
  }
  if (auto extra = extra_argument(app)) {
    return *extra;
  }
  if (common.quiet && common.verbosity > 0) {
    return misuse("--quiet and --verbose exclude each other");
  }
  return {};
}

std::string help_of(Command& command) {
  CommonOptions common;
  CLI::App app;
  prepare(app, command, common);
  const auto words = command.words();
  auto out = fmt::format("weir {}: {}\n\n", words.name, words.summary);
  const auto usage = fmt::format("Usage: weir {} ", words.name);
  out += usage + wrap(words.usage + " [options]", columns, usage.size()) + "\n\n";
  append_paragraphs(out, words.details);
  append_options(out, app, false);
  out += fmt::format("\n{}:\n", common_group);
  append_options(out, app, true);
  out += "\nExample:\n";
  std::string_view example = words.example;
  while (!example.empty()) {
    const auto line = example.substr(0, std::min(example.find('\n'), example.size()));
    example.remove_prefix(std::min(line.size() + 1, example.size()));
    out += fmt::format("  {}\n", line);
  }
  return out;
}

std::string overview(std::string_view first_word) {
  std::string out = "weir: exact aggregates of Amazon Kinesis Data Streams\n\n";
  out += fmt::format("Usage: weir {} [arguments]\n\n",
                     first_word.empty() ? "COMMAND" : fmt::format("{} COMMAND", first_word));
  std::string example;
  for (const auto& command : all_commands()) {
    const auto words = command->words();
    if (first_word.empty() || words.name.starts_with(std::string(first_word) + " ")) {
      out += fmt::format("  {:<13}{}\n", words.name, words.summary);
      example = example.empty() ? words.example : example;
    }
  }
  out +=
      "\nweir COMMAND --help says more, with an example; weir --version: the version.\n"
      "Exit status: 0 done, 1 failed, 2 the arguments or a file of yours is wrong.\n"
      "Data goes to standard output, words to standard error; NO_COLOR: no colours.\n\n"
      "Example:\n";
  if (first_word.empty()) {
    return out +
           "  weir local --streams flights:4 &\n"
           "  weir put flights flights.jsonl --endpoint http://127.0.0.1:4567\n";
  }
  return out + "  " + example.substr(0, example.find('\n')) + "\n";
}

void require_whole_number(CLI::Option& option, std::uint64_t least, std::uint64_t most) {
  option.check([least, most](const std::string& text) {
    std::uint64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data(), end, value);
    if (code == std::errc() && stop == end && value >= least && value <= most) {
      return std::string();
    }
    return fmt::format("found '{}', expected a whole number from {} to {}", printable(text), least, most);
  });
}

}  // namespace weir::cli
