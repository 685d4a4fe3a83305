#include "cli/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>

#include "cli/arguments.hpp"
#include "cli/log.hpp"
#include "cli/text.hpp"

namespace weir::cli {
namespace {

using Commands = std::vector<std::unique_ptr<Command>>;

std::vector<std::string> names_of(const Commands& commands) {
  std::vector<std::string> names;
  for (const auto& command : commands) {
    names.push_back(command->words().name);
  }
  return names;
}

// How many of the arguments are this name: "dead list" is two.
std::size_t words_that_name(const std::string& name, const std::vector<std::string>& arguments) {
  const auto blank = name.find(' ');
  if (arguments.empty() || arguments[0] != name.substr(0, blank)) {
    return 0;
  }
  if (blank == std::string::npos) {
    return 1;
  }
  return arguments.size() > 1 && arguments[1] == name.substr(blank + 1) ? 2 : 0;
}

// The commands of two words whose first is this one.
std::vector<std::string> second_words(const Commands& commands, const std::string& first) {
  std::vector<std::string> words;
  for (const auto& name : names_of(commands)) {
    if (const auto blank = name.find(' '); blank != std::string::npos && name.substr(0, blank) == first) {
      words.push_back(name.substr(blank + 1));
    }
  }
  return words;
}

Error unknown_command(const Commands& commands, const std::vector<std::string>& arguments) {
  const auto words = second_words(commands, arguments[0]);
  if (words.empty()) {
    return misuse(fmt::format("there is no command '{}'{}", printable(arguments[0]),
                              did_you_mean(arguments[0], names_of(commands))));
  }
  const auto meant = arguments.size() > 1 ? did_you_mean(arguments[1], words) : std::string();
  return misuse(fmt::format("'{}' needs a second word, one of {}{}", arguments[0], fmt::join(words, ", "), meant));
}

bool asks_for_help(const std::vector<std::string>& arguments) {
  for (const auto& argument : arguments) {
    if (argument == "--") {
      return false;
    }
    if (argument == "--help" || argument == "-h") {
      return true;
    }
  }
  return false;
}

struct Choice {
  std::unique_ptr<Command> command;  // null: help of all was wanted, or of those that begin with this argument
  std::vector<std::string> arguments;
};

Result<Choice> choose(std::vector<std::string> arguments) {
  Choice choice;
  if (arguments.empty()) {
    return choice;
  }
  if (arguments[0] == "help") {
    arguments.erase(arguments.begin());
    if (arguments.empty()) {
      return choice;
    }
    arguments.emplace_back("--help");
  }
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    return choice;
  }
  if (arguments[0].starts_with('-')) {
    return misuse(
        fmt::format("found '{}' where a command was expected; options follow the command", printable(arguments[0])));
  }
  auto commands = all_commands();
  const bool asks = arguments.size() == 2 && (arguments[1] == "--help" || arguments[1] == "-h");
  if (asks && !second_words(commands, arguments[0]).empty()) {
    choice.arguments.push_back(arguments[0]);
    return choice;
  }
  for (auto& command : commands) {
    const auto taken = words_that_name(command->words().name, arguments);
    if (taken > 0) {
      choice.command = std::move(command);
      choice.arguments.assign(arguments.begin() + static_cast<std::ptrdiff_t>(taken), arguments.end());
      return choice;
    }
  }
  return unknown_command(commands, arguments);
}

// What a service said is looked up by its name and the request's. They stand behind its sentence, before
// what further lines add.
std::string sentence_of(const Error& error) {
  if (error.http_status == 0) {
    return error.message;
  }
  const auto status = fmt::format("HTTP {}", error.http_status);
  // A reply that names no error is called by its status.
  const bool named = error.code != fmt::format("HTTP{}", error.http_status);
  const auto end = std::min(error.message.find('\n'), error.message.size());
  return fmt::format("{} ({}{}{}{}{}){}", error.message.substr(0, end), named ? error.code : "", named ? ", " : "",
                     status, error.request_id.empty() ? "" : ", request ", error.request_id, error.message.substr(end));
}

Exit finish(Result<void> outcome, Console& console, const std::string& name) {
  if (outcome) {
    outcome = console.flush();
  } else if (outcome.error().code != "BrokenPipe") {
    // What was printed before the failure is still worth having.
    auto flushed = console.flush();
    static_cast<void>(flushed.ok());
  }
  console.erase_progress();
  if (outcome || outcome.error().code == "BrokenPipe") {
    return Exit::done;
  }
  const auto& error = outcome.error();
  const auto lead = fmt::format("weir{}{}: ", name.empty() ? "" : " ", name);
  if (error.code == "Told") {
    return Exit::failed;
  }
  console.say(console.paint_err(Ink::red, lead) + printable_lines(sentence_of(error)));
  if (error.code != "Misuse") {
    return Exit::failed;
  }
  console.say(fmt::format("See weir{}{} --help.", name.empty() ? "" : " ", name));
  return Exit::misuse;
}

Exit run_chosen(Choice choice, Console& console) {
  if (choice.command == nullptr) {
    return finish(console.print(overview(choice.arguments.empty() ? "" : choice.arguments.front())), console, "");
  }
  auto& command = *choice.command;
  const auto name = command.words().name;
  if (asks_for_help(choice.arguments)) {
    return finish(console.print(help_of(command)), console, name);
  }
  CommonOptions common;
  if (auto parsed = parse_arguments(command, choice.arguments, common); !parsed) {
    return finish(std::move(parsed), console, name);
  }
  if (common.quiet) {
    console.be_quiet();
  }
  Context context{console, common, console_log(console, common.verbosity, common.quiet)};
  return finish(command.run(context), console, name);
}

Exit run_or_throw(const std::vector<std::string>& arguments, Console& console) {
  if (arguments.empty()) {
    console.say(overview());
    return Exit::misuse;
  }
  if (arguments[0] == "--version" || arguments[0] == "-V") {
    if (arguments.size() > 1) {
      return finish(misuse(fmt::format("there is one argument too many: '{}'", printable(arguments[1]))), console, "");
    }
    return finish(console.print("weir " WEIR_VERSION "\n"), console, "");
  }
  auto choice = choose(arguments);
  if (!choice) {
    return finish(std::move(choice).error(), console, "");
  }
  return run_chosen(*std::move(choice), console);
}

}  // namespace

std::vector<std::unique_ptr<Command>> all_commands() {
  Commands commands;
  commands.push_back(local_command());
  commands.push_back(put_command());
  commands.push_back(run_command());
  commands.push_back(query_command());
  commands.push_back(dead_list_command());
  commands.push_back(dead_show_command());
  commands.push_back(dead_export_command());
  commands.push_back(dead_replay_command());
  commands.push_back(dead_drop_command());
  commands.push_back(state_show_command());
  commands.push_back(state_reset_command());
  commands.push_back(state_copy_command());
  return commands;
}

int run(const std::vector<std::string>& arguments, Console& console) {
  try {
    return static_cast<int>(run_or_throw(arguments, console));
  } catch (const std::bad_alloc&) {
    console.erase_progress();
    console.say("weir: out of memory");
  } catch (const std::exception& error) {
    console.erase_progress();
    console.say(fmt::format("weir: this is a bug in weir: {}", error.what()));
  }
  return static_cast<int>(Exit::failed);
}

}  // namespace weir::cli
