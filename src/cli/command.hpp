#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/console.hpp"
#include "weir/base/log.hpp"
#include "weir/base/result.hpp"

namespace CLI {
class App;
}

namespace weir::cli {

/// What the shell is told: done, failed, or asked for something that cannot be meant.
enum class Exit : int { done = 0, failed = 1, misuse = 2 };

/// The user's arguments or a file of theirs is wrong.
inline Error misuse(std::string message) { return refused("Misuse", std::move(message)); }
/// The same of an error that the library made of such a file.
inline Error as_misuse(Error error) {
  error.code = "Misuse";
  return error;
}
/// Failed, and the user has been told already.
inline Error told() { return refused("Told", ""); }

/// What --endpoint, --region and --profile are to a command.
enum class Service {
  none,         ///< options it does not have
  called,       ///< it sends requests
  passed_over,  ///< it sends none, and takes them: people paste the flags of `weir run`
};

/// What every command takes.
struct CommonOptions {
  std::string endpoint;
  std::string region;
  std::string profile;
  int verbosity = 0;  ///< 1: what happens; 2: every retry too
  bool quiet = false;
};

/// What a command runs with.
struct Context {
  Console& console;
  const CommonOptions& common;
  Log log;
};

/// One command: a name, its arguments, what it does. Used once.
class Command {
 public:
  struct Words {
    std::string name;  ///< "put", "dead list"
    std::string summary;
    std::string usage;    ///< what follows the name
    std::string details;  ///< paragraphs
    std::string example;  ///< lines to type
  };

  virtual ~Command() = default;
  virtual Words words() const = 0;
  virtual Service service() const { return Service::called; }
  /// Declares the arguments, which parsing stores in this object.
  virtual void declare(CLI::App& app) = 0;
  /// Blocks until done. The error's code decides the exit status.
  virtual Result<void> run(Context& context) = 0;
};

/// Every command, in the order of the help.
std::vector<std::unique_ptr<Command>> all_commands();

/// Runs the command that `arguments` (without the program's name) ask for, and gives the exit status.
/// Never throws.
int run(const std::vector<std::string>& arguments, Console& console);

/// One per file.
std::unique_ptr<Command> local_command();
std::unique_ptr<Command> put_command();
std::unique_ptr<Command> run_command();
std::unique_ptr<Command> query_command();
std::unique_ptr<Command> dead_list_command();
// In dead_letters.cpp and state.cpp.
std::unique_ptr<Command> dead_show_command();
std::unique_ptr<Command> dead_export_command();
std::unique_ptr<Command> dead_replay_command();
std::unique_ptr<Command> dead_drop_command();
std::unique_ptr<Command> state_show_command();
std::unique_ptr<Command> state_reset_command();
std::unique_ptr<Command> state_copy_command();

}  // namespace weir::cli
