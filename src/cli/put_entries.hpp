#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>

#include "weir/api/kinesis_api.hpp"
#include "weir/base/backoff.hpp"
#include "weir/base/clock.hpp"

namespace weir::cli {

/// How PutRecords is repeated while the service asks for less: for the entries it did not store, and for a
/// whole call that it throttled.
struct PutRetry {
  Backoff::Options backoff{std::chrono::milliseconds(100), std::chrono::milliseconds(5000)};
  /// In a row, without one entry stored.
  std::uint32_t fruitless_max = 10;
  PutRetry() = default;
};

struct PutOutcome {
  std::uint64_t records = 0;   ///< stored
  std::uint64_t bytes = 0;     ///< their data
  std::optional<Error> error;  ///< why the rest was not
  /// With `error`: the indices, in the request as given, of the first and the last one left.
  std::size_t first_left = 0;
  std::size_t last_left = 0;
  /// With `error`: what is left may be stored nevertheless, once or more. A call went out, and no answer told.
  bool in_doubt = false;
};

/// Puts every record of the request. Entries that the service could not store are sent again, after a wait,
/// until all are; so their order is lost. So is a call that was throttled as a whole, which stored nothing. One
/// that failed otherwise may have taken effect: repeating it is the client's decision. `stop` ends the waiting,
/// not a call. `request` keeps what is left.
Task<PutOutcome> put_entries(api::KinesisApi& api, Clock& clock, api::PutRecordsRequest& request, PutRetry retry,
                             std::uint64_t seed, std::stop_token stop);

}  // namespace weir::cli
