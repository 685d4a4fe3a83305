#include "aws/profile_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

namespace weir::aws {
namespace {

constexpr std::string_view blanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// A comment within a line begins with a blank and `#` or `;`; without the blank it belongs to the value.
std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if ((text[i] == '#' || text[i] == ';') && (text[i - 1] == ' ' || text[i - 1] == '\t')) {
      return text.substr(0, i - 1);
    }
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

std::string_view without_quotes(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front()) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

Error bad_line(const std::string& file, std::size_t line, std::string_view problem) {
  return refused("BadProfileFile", fmt::format("{}:{}: {}", file, line, problem));
}

const Section* find(const Ini& ini, std::string_view name) {
  const auto found = ini.find(name);
  return found == ini.end() ? nullptr : &found->second;
}

std::string value_of(const Section* section, std::string_view key) {
  if (section == nullptr) {
    return {};
  }
  const auto found = section->find(key);
  return found == section->end() ? std::string() : found->second;
}

Result<Ini> read_ini(const std::string& file) {
  if (file.empty()) {
    return Ini();
  }
  const auto unreadable = [&file](std::string_view why) {
    return refused("BadProfileFile", fmt::format("{} cannot be read: {}", file, why));
  };
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    const int why = errno;
    if (why == ENOENT || why == ENOTDIR) {
      return Ini();
    }
    return unreadable(std::generic_category().message(why));
  }
  std::string text(ProfileFiles::file_bytes_max + 1, '\0');
  errno = 0;
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || errno == EISDIR) {
    return unreadable(std::generic_category().message(errno));
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > ProfileFiles::file_bytes_max) {
    return unreadable(fmt::format("it is larger than {} bytes", ProfileFiles::file_bytes_max));
  }
  return parse_ini(text, file);
}

std::string path_of(const Environment& environment, const std::string& variable, std::string_view below_home) {
  const auto home = environment("HOME");
  auto path = environment(variable);
  if (path.empty()) {
    return home.empty() ? std::string() : fmt::format("{}/{}", home, below_home);
  }
  if (path.starts_with("~/") && !home.empty()) {
    path.replace(0, 1, home);
  }
  return path;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::string() : std::string(value);
  };
}

Result<Ini> parse_ini(std::string_view text, const std::string& file) {
  Ini ini;
  Section* section = nullptr;
  std::string key;  // the last one at the left margin: what an indented line belongs to
  std::size_t line_number = 0;
  if (text.starts_with("\xef\xbb\xbf")) {
    text.remove_prefix(3);  // a byte order mark
  }
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++line_number;
    const auto content = trimmed(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') {
      continue;
    }
    const bool indented = line.front() == ' ' || line.front() == '\t';
    if (content.front() == '[' && !indented) {
      const auto close = content.find(']');
      const auto name = close == std::string_view::npos ? std::string_view() : trimmed(content.substr(1, close - 1));
      if (name.empty()) {
        return bad_line(file, line_number, "a section is written [name]");
      }
      section = &ini[std::string(name)];
      key.clear();
      continue;
    }
    if (section == nullptr) {
      return bad_line(file, line_number, "there is a line before the first [section]");
    }
    const auto equals = content.find('=');
    const auto name = lower(trimmed(content.substr(0, equals)));
    const bool nested = indented && !key.empty();
    if (equals == std::string_view::npos || name.empty()) {
      if (nested) {
        continue;  // more of a value that spans lines; none of the settings read here does
      }
      return bad_line(file, line_number, "expected \"key = value\" or [section]");
    }
    const std::string value(trimmed(without_comment(content.substr(equals + 1))));
    if (nested) {
      (*section)[key + "." + name] = value;
    } else {
      key = name;
      (*section)[key] = value;
    }
  }
  return ini;
}

Result<ProfileFiles> ProfileFiles::read(const Environment& environment) {
  ProfileFiles files;
  files.config_file = path_of(environment, "AWS_CONFIG_FILE", ".aws/config");
  files.credentials_file = path_of(environment, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
  WEIR_TRY(files.config, read_ini(files.config_file));
  WEIR_TRY(files.credentials, read_ini(files.credentials_file));
  return files;
}

const Section* ProfileFiles::in_config(const std::string& profile) const {
  for (const auto& [name, section] : config) {
    constexpr std::string_view prefix = "profile";
    if (name.starts_with(prefix) && name.size() > prefix.size() &&
        blanks.find(name[prefix.size()]) != std::string_view::npos &&
        without_quotes(trimmed(std::string_view(name).substr(prefix.size()))) == profile) {
      return &section;
    }
  }
  return profile == "default" ? find(config, profile) : nullptr;
}

const Section* ProfileFiles::in_credentials(const std::string& profile) const { return find(credentials, profile); }

std::string ProfileFiles::setting(const std::string& profile, std::string_view key) const {
  auto value = value_of(in_credentials(profile), key);
  return value.empty() ? value_of(in_config(profile), key) : value;
}

std::string ProfileFiles::service_setting(const std::string& profile, std::string_view key) const {
  const auto services = setting(profile, "services");
  return services.empty() ? std::string() : value_of(find(config, "services " + services), key);
}

std::string ProfileFiles::places() const {
  if (credentials_file.empty() && config_file.empty()) {
    return "the shared files (no home directory is known)";
  }
  return fmt::format("{} and {}", credentials_file, config_file);
}

bool ProfileFiles::has(const std::string& profile) const {
  return in_config(profile) != nullptr || in_credentials(profile) != nullptr;
}

Error ProfileFiles::no_such(const std::string& profile) const {
  return refused("NoSuchProfile", fmt::format("there is no profile \"{}\" in {}", profile, places()));
}

std::string profile_name(const Environment& environment, const std::string& chosen) {
  if (!chosen.empty()) {
    return chosen;
  }
  for (const auto* variable : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
    if (auto name = environment(variable); !name.empty()) {
      return name;
    }
  }
  return "default";
}

}  // namespace weir::aws
