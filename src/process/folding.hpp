#pragma once

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weir/pipeline/pipeline.hpp"

namespace weir::process {

/// Folds records and hears of each that fails: user code may throw anything at any of them, and the others are taken
/// all the same. `fail(index, code, reason)` says whether to go on. `failures` is memory to work with.
template <class Fail>
void fold_all(pipelines::Folder& folder, std::span<const stream::RawRecord> records, pipelines::Deltas& deltas,
              std::vector<pipelines::Failure>& failures, Fail fail) {
  for (std::size_t first = 0; first < records.size();) {
    failures.clear();
    std::optional<std::string> thrown;
    try {
      folder.fold(records.subspan(first), deltas, failures);
    } catch (const std::bad_alloc&) {
      throw;  // no fault of the record
    } catch (const std::exception& exception) {
      thrown = exception.what();
    } catch (...) {  // user code may throw anything; the record is kept
      thrown = "an exception that is no std::exception";
    }
    for (auto& failure : failures) {
      if (!fail(first + failure.index, std::move(failure.code), std::move(failure.reason))) {
        return;
      }
    }
    if (!thrown) {
      return;
    }
    const auto at = std::min(first + folder.next(), records.size() - 1);
    if (!fail(at, std::string("Exception"), "the pipeline's own code threw: " + *thrown)) {
      return;
    }
    first = at + 1;
  }
}

}  // namespace weir::process
