#include <cstdio>
#include <weir/weir.hpp>

struct Flight {
  std::string_view origin;
  std::int64_t delay;
};
BOOST_DESCRIBE_STRUCT(Flight, (), (origin, delay))

int main() {
  weir::aws::SettingsOptions where;          // region, endpoint and credentials: as the AWS CLI finds them,
  where.endpoint = "http://127.0.0.1:4567";  // or as said here: `weir local`
  auto client = weir::aws::KinesisClient::connect(where).value();
  weir::kinesis::Config<Flight> config(*client, "flights", weir::json_decoder<Flight>());
  auto flights = weir::kinesis::Source<Flight>::make(config).value();
  auto departures = weir::pipeline<Flight>("departures").key(&Flight::origin).keep("flights", weir::count());
  departures.keep("delay", weir::mean(&Flight::delay)).keep("worst", weir::max(&Flight::delay));
  auto report = weir::worker::run(*flights, departures);
  std::puts(report ? "every shard has ended" : report.error().message.c_str());
  return report ? 0 : 1;
}
