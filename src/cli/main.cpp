#include <csignal>
#include <string>
#include <vector>

#include "cli/command.hpp"

int main(int count, char** values) {
  // A reader that went away is an error of the write, which ends the command quietly.
  std::signal(SIGPIPE, SIG_IGN);
  weir::cli::Console console(weir::cli::Console::of_process());
  const std::vector<std::string> arguments(values + (count > 0 ? 1 : 0), values + count);
  return weir::cli::run(arguments, console);
}
