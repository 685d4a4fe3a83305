#pragma once

// Everything a program needs to read a Kinesis stream and keep exact aggregates of it. Smaller programs,
// and those in a hurry to compile, include the folders' own headers.

#include "weir/aws/kinesis_client.hpp"
#include "weir/base/result.hpp"
#include "weir/decode/json.hpp"
#include "weir/kinesis/source.hpp"
#include "weir/pipeline/typed.hpp"
#include "weir/worker/query.hpp"
#include "weir/worker/worker.hpp"
