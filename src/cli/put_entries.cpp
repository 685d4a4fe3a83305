#include "cli/put_entries.hpp"

#include <fmt/format.h>

#include <numeric>
#include <vector>

namespace weir::cli {
namespace {

struct Round {
  std::vector<std::size_t> places;  // of the request's records, in the request as given
  std::string code;                 // of the first entry that failed
  std::string message;
};

// Leaves in the request what was not stored.
void keep_failed(api::PutRecordsRequest& request, const api::PutRecordsReply& reply, Round& round,
                 PutOutcome& outcome) {
  std::size_t kept = 0;
  round.code.clear();
  for (std::size_t i = 0; i < request.records.size(); ++i) {
    const auto& result = reply.results[i];
    if (result.error_code.empty()) {
      ++outcome.records;
      outcome.bytes += request.records[i].data.size();
      continue;
    }
    if (round.code.empty()) {
      round.code = result.error_code;
      round.message = result.error_message;
    }
    request.records[kept] = request.records[i];
    round.places[kept] = round.places[i];
    ++kept;
  }
  request.records.resize(kept);
  round.places.resize(kept);
}

}  // namespace

Task<PutOutcome> put_entries(api::KinesisApi& api, Clock& clock, api::PutRecordsRequest& request, PutRetry retry,
                             std::uint64_t seed, std::stop_token stop) {
  PutOutcome outcome;
  Round round;
  round.places.resize(request.records.size());
  std::iota(round.places.begin(), round.places.end(), std::size_t{0});
  Backoff backoff(retry.backoff, Random(seed));
  std::uint32_t fruitless = 0;
  while (!request.records.empty()) {
    auto reply = co_await api.put_records(request, std::stop_token());
    Error refusal;
    if (!reply) {
      refusal = reply.error();
      outcome.in_doubt = outcome.in_doubt || refusal.may_have_taken_effect;
      if (refusal.next != Next::retry || !refusal.throttled) {
        outcome.error = std::move(refusal);
        break;
      }
      ++fruitless;
    } else if (reply->results.size() != request.records.size()) {
      outcome.error = corrupt("BadReply", fmt::format("PutRecords answered for {} records, {} were sent",
                                                      reply->results.size(), request.records.size()));
      outcome.in_doubt = true;
      break;
    } else {
      outcome.in_doubt = outcome.in_doubt || reply->in_doubt;
      const auto before = outcome.records;
      keep_failed(request, *reply, round, outcome);
      if (request.records.empty()) {
        break;
      }
      refusal = Error(Next::retry, round.code, round.message);
      fruitless = outcome.records > before ? 0 : fruitless + 1;
    }
    if (fruitless >= retry.fruitless_max) {
      refusal.message = fmt::format("the service stored none of them in {} attempts: {}", fruitless, refusal.message);
      outcome.error = std::move(refusal);
      break;
    }
    if (fruitless == 0) {
      backoff.reset();
    }
    auto waited = co_await clock.sleep(backoff.next(), stop);
    if (!waited) {
      outcome.error = waited.error();
      break;
    }
  }
  if (!round.places.empty()) {
    outcome.first_left = round.places.front();
    outcome.last_left = round.places.back();
  }
  co_return outcome;
}

}  // namespace weir::cli
