#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/emulator/server.hpp"

namespace weir::cli {

using testing::Child;
using ::testing::HasSubstr;

/// Runs the built command in a directory of its own, against an endpoint in this process, whose streams a
/// test can look into. Nothing of the machine's AWS settings is seen.
struct CommandTest : ::testing::Test {
  std::filesystem::path directory;
  emulator::Kinesis kinesis;
  std::unique_ptr<emulator::Server> server;

  void SetUp() override {
    auto pattern = (std::filesystem::temp_directory_path() / "weir-cli-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory = pattern;
    auto started = emulator::Server::start(kinesis);
    ASSERT_TRUE(started.ok()) << started.error().message;
    server = std::move(*started);
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  std::string write_file(const std::string& name, const std::string& text) {
    std::ofstream(directory / name, std::ios::binary) << text;
    return name;
  }
  std::string read_file(const std::string& name) const {
    std::ifstream in(directory / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Counts words by key "w", and sums and averages "n".
  std::string write_pipeline(const std::string& more = "") {
    return write_file("words.yaml",
                      "name: words\nsource: { stream: words, start: trim_horizon }\nkey: w\n"
                      "aggregates:\n  count: count\n  sum: { sum: n }\n  mean: { mean: n }\n" +
                          more);
  }

  Child::Options weir(std::vector<std::string> arguments) const {
    Child::Options options;
    options.program = WEIR_COMMAND;
    options.arguments = std::move(arguments);
    options.directory = directory.string();
    options.environment = {"HOME=" + directory.string(), "AWS_ENDPOINT_URL=" + server->endpoint(), "TERM=xterm"};
    return options;
  }
  Child::End run(std::vector<std::string> arguments, std::string_view input = "") const {
    Child child(weir(std::move(arguments)));
    child.write(input);
    return child.finish();
  }
  /// By way of /bin/sh, whose "$0" is the command: for streams that are redirected.
  Child::End run_shell(const std::string& script, std::vector<std::string> variables = {}) const {
    auto options = weir({"-c", script, WEIR_COMMAND});
    options.program = "/bin/sh";
    options.environment.insert(options.environment.begin(), variables.begin(),
                               variables.end());  // the first of two counts
    Child child(options);
    return child.finish();
  }
  /// Until the condition holds; fails after a minute.
  template <class Condition>
  static void wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error("what was waited for did not come");
      }
      ::poll(nullptr, 0, 1);
    }
  }
  std::vector<std::string> stored(const std::string& stream) const {
    std::vector<std::string> all;
    const auto log = kinesis.log(stream);
    EXPECT_TRUE(log.ok());
    for (const auto& shard : *log) {
      for (const auto& record : shard.records) {
        all.push_back(record.data);
      }
    }
    return all;
  }
};

}  // namespace weir::cli
