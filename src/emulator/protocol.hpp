#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "emulator/core.hpp"
#include "weir/wire/arena.hpp"
#include "weir/wire/document.hpp"
#include "weir/wire/writer.hpp"

namespace weir::emulator {

/// A reply's status and body: `head`, then the page's slices, then `tail`. The slices are the records as
/// they are kept: sending them copies nothing.
struct Answer {
  int status = 200;
  std::string_view content_type;  ///< a constant
  std::string head;
  Page page;
  std::string tail;

  std::size_t body_bytes() const noexcept { return head.size() + page.wire_bytes + tail.size(); }
};

/// What the head of an HTTP request says.
struct RequestHead {
  bool is_post = true;
  std::string_view target;        ///< X-Amz-Target
  std::string_view content_type;
  bool has_authorization = true;  ///< its value is never looked at
};

// Requests that carry more, or are less, than their `api` shapes.
struct CreateStreamCall {
  std::string name;
  std::uint32_t shards = 1;
  std::optional<std::size_t> record_bytes_max;
};
struct DeleteStreamCall {
  api::StreamRef stream;
};
struct DescribeCall {
  api::StreamRef stream;
};
struct ListShardsCall {
  api::ListShardsRequest request;
  ShardFilter filter;
};

/// One call of the protocol: read from a body in either format, then answered in the same one. `body` must
/// stay readable until then.
class Call {
 public:
  /// The call, or the answer to a request that is none.
  static std::variant<Call, Answer> read(const RequestHead& head, std::string_view body);

  Operation operation() const noexcept { return operation_; }
  wire::Format format() const noexcept { return format_; }
  Target target(const Core& core) const;
  /// Makes the call and writes its reply, an error's too. `fault`: one that changes what is answered.
  Answer answer(Core& core, const std::optional<Fault>& fault) const;

 private:
  using Request =
      std::variant<CreateStreamCall, DeleteStreamCall, DescribeCall, api::ListStreamsRequest, ListShardsCall,
                   api::PutRecordRequest, api::PutRecordsRequest, api::GetShardIteratorRequest, api::GetRecordsRequest,
                   api::SplitShardRequest, api::MergeShardsRequest, api::UpdateShardCountRequest>;

  Call(Operation operation, wire::Format format) : operation_(operation), format_(format) {}
  Result<void> read_body(std::string_view body);
  Result<void> read_members(wire::Value root);
  Result<void> read_put_records_cbor(std::string_view body);
  Result<void> write(Core& core, const std::optional<Fault>& fault, wire::Writer& writer, Answer& answer) const;

  Operation operation_;
  wire::Format format_;
  Request request_;
  std::optional<wire::Document> document_;  // what a request's views may point into
  wire::Arena arena_;
};

/// `{"__type": ..., "message": ...}` with the error's status.
Answer error_answer(wire::Format format, const Error& error);

}  // namespace weir::emulator
