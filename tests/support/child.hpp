#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::testing {

/// A program under test: its input, its output as it comes, its end. Every wait has a deadline, after
/// which it throws with what the program said. Kills what still runs when it goes.
class Child {
 public:
  struct Options {
    std::string program;
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  ///< "NAME=value"; nothing is inherited but PATH
    std::string directory;                 ///< empty: this process'
  };
  struct End {
    int status = -1;  ///< as the shell tells it: 128 + the signal where one ended it
    std::string out;
    std::string err;
  };

  explicit Child(const Options& options) {
    std::signal(SIGPIPE, SIG_IGN);
    int in[2];
    int out[2];
    int err[2];
    require(::pipe2(in, O_CLOEXEC) == 0, "pipe");
    require(::pipe2(out, O_CLOEXEC) == 0 && ::pipe2(err, O_CLOEXEC) == 0, "pipe");
    in_ = in[1];
    out_.descriptor = out[0];
    err_.descriptor = err[0];
    start(options, in[0], out[1], err[1]);
    for (const int given : {in[0], out[1], err[1]}) {
      ::close(given);
    }
  }
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    close_input();
    close_output();
    close(err_.descriptor);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// What a child does not read because it has ended is lost.
  void write(std::string_view text) {
    while (!text.empty()) {
      const auto wrote = ::write(in_, text.data(), text.size());
      if (wrote < 0 && errno == EPIPE) {
        return;
      }
      require(wrote > 0, "write to the child");
      text.remove_prefix(static_cast<std::size_t>(wrote));
    }
  }
  void close_input() { close(in_); }
  /// Nobody reads its output any more.
  void close_output() { close(out_.descriptor); }
  void signal(int number) const { ::kill(pid_, number); }
  /// Sends it over and over until the program has ended.
  void signal_until_ended(int number) const {
    siginfo_t ended{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0) {
      signal(number);
    }
  }
  pid_t pid() const { return pid_; }

  /// Reads until `text` appears in the output or the words; gives the whole line it is in.
  std::string wait_for_out(std::string_view text) { return wait_for(out_, text); }
  std::string wait_for_err(std::string_view text) { return wait_for(err_, text); }

  /// Reads to the end of both, and waits for the program to end.
  End finish() {
    close_input();
    while (out_.descriptor >= 0 || err_.descriptor >= 0) {
      read_some();
    }
    int status = 0;
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      require(left().count() > 0, "the end of the child");
      ::poll(nullptr, 0, 1);
    }
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), out_.text, err_.text};
  }

 private:
  struct Stream {
    int descriptor = -1;
    std::string text;
  };

  static void close(int& descriptor) {
    if (descriptor >= 0) {
      ::close(descriptor);
      descriptor = -1;
    }
  }
  void require(bool condition, const char* what) const {
    if (!condition) {
      throw std::runtime_error(std::string("no ") + what + ": out: " + out_.text + " err: " + err_.text);
    }
  }
  std::chrono::milliseconds left() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  }

  void start(const Options& options, int in, int out, int err) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, in, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out, 1);
    ::posix_spawn_file_actions_adddup2(&actions, err, 2);
    if (!options.directory.empty()) {
      ::posix_spawn_file_actions_addchdir_np(&actions, options.directory.c_str());
    }
    // What the tests' own process ignores must not be ignored by the child.
    sigset_t defaults;
    ::sigemptyset(&defaults);
    for (const int number : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM}) {
      ::sigaddset(&defaults, number);
    }
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> arguments{const_cast<char*>(options.program.c_str())};
    for (const auto& argument : options.arguments) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    auto variables = options.environment;
    variables.emplace_back(std::string("PATH=") + (std::getenv("PATH") == nullptr ? "" : std::getenv("PATH")));
    std::vector<char*> environment;
    for (auto& variable : variables) {
      environment.push_back(variable.data());
    }
    environment.push_back(nullptr);
    const int code =
        ::posix_spawn(&pid_, options.program.c_str(), &actions, &attributes, arguments.data(), environment.data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    require(code == 0, options.program.c_str());
  }

  void read_some() {
    pollfd ready[2] = {{out_.descriptor, POLLIN, 0}, {err_.descriptor, POLLIN, 0}};
    require(left().count() > 0, "answer of the child in time");
    if (::poll(ready, 2, static_cast<int>(left().count())) <= 0) {
      return;
    }
    for (auto [stream, entry] : {std::pair(&out_, ready[0]), std::pair(&err_, ready[1])}) {
      if (stream->descriptor < 0 || entry.revents == 0) {
        continue;
      }
      char block[4096];
      const auto got = ::read(stream->descriptor, block, sizeof block);
      if (got > 0) {
        stream->text.append(block, static_cast<std::size_t>(got));
      } else {
        close(stream->descriptor);
      }
    }
  }

  std::string wait_for(Stream& stream, std::string_view text) {
    for (;;) {
      const auto at = stream.text.find(text);
      if (at != std::string::npos && stream.text.find('\n', at) != std::string::npos) {
        const auto begin = stream.text.rfind('\n', at);
        const auto first = begin == std::string::npos ? 0 : begin + 1;
        return stream.text.substr(first, stream.text.find('\n', at) - first);
      }
      require(stream.descriptor >= 0, std::string(text).c_str());
      read_some();
    }
  }

  pid_t pid_ = -1;
  int in_ = -1;
  Stream out_;
  Stream err_;
  // For the whole life of the child: sanitizers on a busy machine are slow.
  const std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + std::chrono::seconds(60);
};

}  // namespace weir::testing
