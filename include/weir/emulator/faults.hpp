#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.hpp"

namespace weir::emulator {

/// The calls the endpoint answers.
enum class Operation : std::uint8_t {
  create_stream,
  delete_stream,
  describe_stream_summary,
  list_streams,
  list_shards,
  put_record,
  put_records,
  get_shard_iterator,
  get_records,
  split_shard,
  merge_shards,
  update_shard_count,
};
inline constexpr std::size_t operations_count = 12;
std::string_view to_string(Operation operation) noexcept;  // "CreateStream" ...
std::optional<Operation> operation_of(std::string_view name) noexcept;

/// How a shard answers a sequence number that retention has taken away. AWS documents none; readers report
/// all three.
enum class TrimmedAnswer : std::uint8_t {
  oldest,  ///< reading goes on at the oldest kept record, silently
  error,   ///< GetShardIterator fails with InvalidArgumentException
  empty,   ///< GetRecords answers without records for ever, a whole retention behind
};

/// One scripted failure: what goes wrong, in which calls, and how often.
struct Fault {
  enum class Kind : std::uint8_t {
    throttle,          ///< ProvisionedThroughputExceededException; LimitExceededException for calls about streams
    internal_failure,  ///< 500 InternalFailure, nothing done
    unavailable,       ///< 503 ServiceUnavailable, nothing done
    cut,               ///< the connection closes, nothing done
    lost_reply,        ///< the call takes effect, then the connection closes
    truncated,         ///< the call takes effect, half of the reply's body arrives
    slow,              ///< the call waits for `delay` first; further faults apply
    expired_iterator,  ///< GetRecords: ExpiredIteratorException
    empty_reply,       ///< GetRecords: no records although there are some; the same position again
    failed_entries,    ///< PutRecords: entries fail one by one, each with `probability` (of those in `shard`)
    trim,              ///< the shard loses all it holds first, and answers as `trimmed_answer` from then on
    made_again,        ///< the stream is deleted and made again first
  };

  Kind kind = Kind::throttle;
  std::vector<Operation> calls;            ///< empty: all that the kind makes sense for
  std::string stream;                      ///< empty: all
  std::string shard;                       ///< empty: all. Calls that name no shard never match one
  std::uint64_t after = 0;                 ///< lets this many matching calls pass first
  std::optional<std::uint64_t> times;      ///< absent: without end
  double probability = 1;                  ///< of each matching call after those, drawn from the seed
  std::chrono::milliseconds delay{1000};   ///< of `slow`
  TrimmedAnswer trimmed_answer = TrimmedAnswer::oldest;  ///< of `trim`
};
inline constexpr std::size_t fault_kinds_count = 12;
std::string_view to_string(Fault::Kind kind) noexcept;  // "throttle", "internal-failure", ... as in the file

/// The faults of one emulator, tried in order for each call: the first that matches strikes, and each
/// `slow` before it delays the call. Any thread may call it. With one seed and one order of calls, the
/// same calls are struck.
///
/// From a file (`weir local --faults FILE`; docs/faults.md):
///
///     seed: 7                      # optional, default 1
///     faults:
///       - fault: throttle          # the kinds above, with '-' for '_'
///         call: GetRecords         # or a list: [PutRecord, PutRecords]; optional: all
///         stream: flights          # optional
///         shard: shardId-000000000001   # optional; calls that name a shard
///         after: 10                # lets ten such calls pass; optional, default 0
///         times: 3                 # then strikes three; optional, default without end
///         probability: 0.5         # of each such call, above 0; optional, default 1
///       - fault: slow
///         delay: 250ms             # ms or s; optional, default 1s
///       - fault: trim
///         call: GetShardIterator
///         answer: empty            # oldest, error or empty; optional, default oldest
///         times: 1
class Faults {
 public:
  explicit Faults(std::uint64_t seed = 1);
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  void add(Fault fault);
  void clear();
  void reseed(std::uint64_t seed);
  /// How many calls were struck so far, `slow` included.
  std::uint64_t struck() const noexcept;
  /// How many of them by faults of this kind.
  std::uint64_t struck(Fault::Kind kind) const noexcept;

  /// What happens to one call. `shard` is empty where the call names none.
  struct Strike {
    std::chrono::milliseconds delay{0};
    std::optional<Fault> fault;
  };
  Strike strike(Operation operation, std::string_view stream, std::string_view shard);
  /// Whether one entry of a PutRecords call with `failed_entries` fails.
  bool fails_entry(const Fault& fault, std::string_view shard);

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::array<std::atomic<std::uint64_t>, fault_kinds_count> struck_{};
  std::atomic<bool> any_{false};  // spares the usual call the lock
};

struct FaultScript {
  std::uint64_t seed = 1;
  std::vector<Fault> faults;
};
/// Reads a file of faults. A mistake is refused with file, line, column, what was found and what was
/// expected.
Result<FaultScript> read_faults(const std::string& path);
/// The same from text; `name` stands for the file in messages.
Result<FaultScript> parse_faults(std::string_view text, std::string_view name);

}  // namespace weir::emulator
