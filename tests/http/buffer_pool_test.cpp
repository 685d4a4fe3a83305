#include "http/buffer_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace weir::http {
namespace {

// A page of records takes megabytes; taking them fresh from the system each time costs several times what
// reading them does.
TEST(BufferPool, GivesTheSameMemoryAgain) {
  auto pool = std::make_shared<BufferPool>(1 << 20, 8);
  BodyWriter writer(*pool);
  writer.append("first");
  auto first = writer.take();
  const auto* where = first.bytes().data();
  first = Buffer();
  writer.append("second");
  EXPECT_EQ(writer.take().bytes().data(), where);
}

// Two pages decoded at once must never share memory.
TEST(BufferPool, KeepsMemoryForTheLastCopy) {
  auto pool = std::make_shared<BufferPool>(1 << 20, 8);
  BodyWriter writer(*pool);
  writer.append("kept");
  auto body = writer.take();
  auto owner = body.owner();
  const auto bytes = body.bytes();
  body = Buffer();
  EXPECT_EQ(pool->buffers_free(), 0U);
  EXPECT_EQ(bytes, "kept");
  owner.reset();
  EXPECT_EQ(pool->buffers_free(), 1U);
}

// A worker drops its last batch after the client is gone, on another thread.
TEST(BufferPool, BuffersOutliveWhoeverMadeThePool) {
  auto pool = std::make_shared<BufferPool>(1 << 20, 8);
  BodyWriter writer(*pool);
  writer.append("late");
  auto body = writer.take();
  const std::weak_ptr<BufferPool> weak = pool;
  writer.clear();
  pool.reset();
  std::thread([late = std::move(body)]() mutable {
    EXPECT_EQ(late.bytes(), "late");
    late = Buffer();
  }).join();
  EXPECT_TRUE(weak.expired());
}

// A burst of large replies must not be held for ever.
TEST(BufferPool, IsBoundedInBytes) {
  auto pool = std::make_shared<BufferPool>(64 << 10, 8);
  std::vector<BufferPool::Block> blocks;
  for (int i = 0; i < 4; ++i) {
    blocks.push_back(pool->take(32 << 10));
  }
  for (auto& block : blocks) {
    pool->give(std::move(block));
  }
  EXPECT_EQ(pool->bytes_free(), std::size_t{64} << 10);
}

// A thousand quiet shards leave small buffers behind; they must not keep the large ones out.
TEST(BufferPool, IsBoundedInNumberAndPrefersLargeOnes) {
  auto pool = std::make_shared<BufferPool>(1 << 20, 2);
  auto one = pool->take(100);
  auto two = pool->take(100);
  auto large = pool->take(100'000);
  pool->give(std::move(one));
  pool->give(std::move(two));
  const auto* where = large.data.get();
  pool->give(std::move(large));
  EXPECT_EQ(pool->buffers_free(), 2U);
  EXPECT_EQ(pool->take(100'000).data.get(), where);
  EXPECT_EQ(pool->buffers_free(), 1U);
}

// A chunked reply has no known length: every byte must survive each move to larger memory.
TEST(BodyWriter, KeepsWhatItHasWhenItGrows) {
  auto pool = std::make_shared<BufferPool>(1 << 20, 8);
  BodyWriter writer(*pool);
  std::string expected;
  for (int i = 0; i < 3'000; ++i) {
    const auto part = std::to_string(i);
    writer.append(part);
    expected += part;
  }
  EXPECT_EQ(writer.take().bytes(), expected);
}

// The decoder reads up to 64 bytes ahead without looking; recycled memory must not show an old reply there.
TEST(BodyWriter, PadsWithZeros) {
  auto pool = std::make_shared<BufferPool>(1 << 20, 8);
  BodyWriter writer(*pool);
  for (const std::size_t size : {1U, 64U, 4032U, 4033U, 4096U}) {
    writer.append(std::string(5'000, 'x'));
    (void)writer.take();
    writer.append(std::string(size, 'y'));
    const auto body = writer.take();
    const auto* end = body.bytes().data() + size;
    EXPECT_TRUE(std::all_of(end, end + stream::padding_bytes, [](char c) { return c == 0; })) << size;
  }
  const Buffer nothing;
  EXPECT_TRUE(std::all_of(nothing.bytes().data(), nothing.bytes().data() + stream::padding_bytes,
                          [](char c) { return c == 0; }));
}

// A length no machine has must not be rounded to a small one.
TEST(BufferPool, RefusesAbsurdSizes) {
  auto pool = std::make_shared<BufferPool>(1 << 20, 2);
  EXPECT_THROW((void)pool->take(std::size_t{1} << 40), std::bad_alloc);
}

}  // namespace
}  // namespace weir::http
