#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace weir::cli {

/// Reads a command's arguments into it and into `common`. A mistake is a misuse with one sentence.
Result<void> parse_arguments(Command& command, const std::vector<std::string>& arguments, CommonOptions& common);

/// The help of one command, 80 columns wide.
std::string help_of(Command& command);
/// The help of all.
std::string overview(std::string_view first_word = {});

/// Refuses what is no whole number within the bounds, in words.
void require_whole_number(CLI::Option& option, std::uint64_t least, std::uint64_t most);

}  // namespace weir::cli
