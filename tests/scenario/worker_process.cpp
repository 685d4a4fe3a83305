// A worker as a process of its own, to be killed:
//   worker_process ENDPOINT STREAM STATE THREADS
// Ends by itself only when something is wrong.

#include <cstdio>
#include <cstdlib>

#include "tests/scenario/counted.hpp"
#include "weir/aws/kinesis_client.hpp"
#include "weir/kinesis/source.hpp"

int main(int argc, char** argv) {
  if (argc != 5) {
    return 2;
  }
  weir::aws::SettingsOptions where;
  where.endpoint = argv[1];
  auto settings = weir::aws::resolve_settings(where);
  if (!settings) {
    std::fprintf(stderr, "%s\n", weir::to_string(settings.error()).c_str());
    return 1;
  }
  auto client = weir::aws::KinesisClient::connect(*settings, weir::system_clock());
  weir::kinesis::ReaderConfig config;
  config.client = client.get();
  config.stream_name = argv[2];
  config.starting_position = weir::kinesis::StartingPosition::trim_horizon;
  config.keep_quotas = false;
  config.poll_interval = std::chrono::milliseconds(2);
  config.list_interval = std::chrono::milliseconds(50);
  auto source = weir::kinesis::StreamSource::make(config);
  if (!source) {
    std::fprintf(stderr, "%s\n", weir::to_string(source.error()).c_str());
    return 1;
  }
  const auto options = weir::scenario::hasty_options(argv[3], static_cast<std::uint32_t>(std::atoi(argv[4])));
  auto report = weir::worker::run(**source, weir::scenario::counted_pipeline(), options);
  std::fprintf(stderr, "ended: %s\n", report ? "all shards ended" : weir::to_string(report.error()).c_str());
  return report ? 0 : 1;
}
