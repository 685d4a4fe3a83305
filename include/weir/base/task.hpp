#pragma once

#include <boost/asio/awaitable.hpp>

#include "weir/base/result.hpp"

namespace weir {

/// What a function that takes time returns: `auto reply = co_await api.get_records(request, stop);`
/// gives a Result. It runs on the executor of whoever awaits it. Never put a braced temporary beside
/// `co_await` in one expression: GCC 12 destroys it twice.
template <class T = void>
using Task = boost::asio::awaitable<Result<T>>;

}  // namespace weir
