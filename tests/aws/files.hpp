#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "fakes.hpp"

namespace weir::aws::testing {

/// A home directory with shared files, and an environment that points to it.
class SharedFiles : public ::testing::Test {
 protected:
  SharedFiles() {
    auto pattern = (std::filesystem::temp_directory_path() / "weir-aws-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("no temporary directory");
    }
    home_ = pattern;
    std::filesystem::create_directory(home_ / ".aws");
    variables_["HOME"] = home_.string();
  }
  ~SharedFiles() override { std::filesystem::remove_all(home_); }

  void credentials_file(const std::string& text) const { write(home_ / ".aws" / "credentials", text); }
  void config_file(const std::string& text) const { write(home_ / ".aws" / "config", text); }
  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  Environment environment() const { return environment_of(variables_); }

  static void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  std::filesystem::path home_;

 private:
  std::map<std::string, std::string> variables_;
};

}  // namespace weir::aws::testing
