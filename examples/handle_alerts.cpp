// Acts on the outside world: a line for each flight that was three hours late, written to a file. Such code may run
// twice for a record when the program is killed in between, and is told so; it never misses one.
#include <cstdio>
#include <weir/weir.hpp>

struct Flight {
  std::string_view origin;
  std::string_view destination;
  std::int64_t delay;
};
BOOST_DESCRIBE_STRUCT(Flight, (), (origin, destination, delay))

int main() {
  weir::aws::SettingsOptions where;
  where.endpoint = "http://127.0.0.1:4567";
  auto client = weir::aws::KinesisClient::connect(where).value();
  weir::kinesis::Config<Flight> config(*client, "flights", weir::json_decoder<Flight>());
  config.starting_position = weir::kinesis::StartingPosition::trim_horizon;
  auto flights = weir::kinesis::Source<Flight>::make(config).value();

  std::FILE* alerts = std::fopen("alerts.txt", "a");
  if (alerts == nullptr) {
    std::perror("alerts.txt");
    return 1;
  }
  auto write_down = [alerts](weir::HandlerBatch<Flight>& batch) -> weir::Task<void> {
    for (const auto& flight : batch.records()) {
      if (flight.value.delay >= 180) {
        const auto id = flight.event_id.text();  // the same at every repeat: what the other side can compare
        std::fprintf(alerts, "%s%s %.*s-%.*s %lld min\n", id.c_str(), flight.may_be_repeat ? " (again?)" : "",
                     static_cast<int>(flight.value.origin.size()), flight.value.origin.data(),
                     static_cast<int>(flight.value.destination.size()), flight.value.destination.data(),
                     static_cast<long long>(flight.value.delay));
      }
    }
    if (std::fflush(alerts) != 0) {  // again after a wait; anything but `retry` would halt the pipeline
      co_return weir::Error(weir::Next::retry, "AlertsNotWritten", "alerts.txt cannot be written");
    }
    co_return weir::Result<void>();
  };
  weir::worker::Options options;
  options.until_caught_up = true;
  auto report = weir::worker::run(*flights, weir::pipeline<Flight>("alerts").handler(write_down), options);
  std::fclose(alerts);
  std::puts(report ? "caught up" : report.error().message.c_str());
  return report ? 0 : 1;
}
