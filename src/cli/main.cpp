#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace {

// A stream that was closed would become the next file that is opened, and be read or written as such. In its
// place comes one whose use fails, as that of a closed stream does.
void hold_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) == -1) {
      // The lowest free number, which is this one.
      static_cast<void>(::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
  }
}

}  // namespace

int main(int count, char** values) {
  hold_standard_streams();
  // A reader that went away is an error of the write, which ends the command quietly.
  std::signal(SIGPIPE, SIG_IGN);
  // So is a limit on the size of files, which is told and waited out as a full disk is.
  std::signal(SIGXFSZ, SIG_IGN);
  weir::cli::Console console(weir::cli::Console::of_process());
  const std::vector<std::string> arguments(values + (count > 0 ? 1 : 0), values + count);
  return weir::cli::run(arguments, console);
}
