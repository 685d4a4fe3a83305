#include <fmt/format.h>

#include <charconv>

#include "tests/simulation/broken.hpp"
#include "weir/pipeline/typed.hpp"

namespace weir::simulation {
namespace {

struct Word {
  std::string_view key;
  std::int64_t value = 0;
};

// "<key> <value>"; anything else fails.
Result<Word> decode_word(std::string_view bytes) {
  const auto blank = bytes.find(' ');
  Word word;
  if (blank == std::string_view::npos) {
    return corrupt("NoBlank", "there is no blank");
  }
  word.key = bytes.substr(0, blank);
  std::from_chars(bytes.data() + blank + 1, bytes.data() + bytes.size(), word.value);
  return word;
}

std::string payload(Random& random) {
  if (random.below(12) == 0) {
    return "bad";
  }
  return fmt::format("k{} {}", random.below(5), random.below(1000));
}

pipelines::PipelineBuilder<Word> words(std::string name) {
  return pipeline<Word>(std::move(name))
      .decode(decode_word)
      .key(&Word::key)
      .keep("n", count())
      .keep("sum", sum(&Word::value))
      .keep("max", max(&Word::value));
}

// What it does is heard of by the simulation; some it can never do.
Task<void> handle(HandlerBatch<Word>& batch) {
  for (std::size_t i = 0; i < batch.records().size(); ++i) {
    if (batch.records()[i].value.value % 40 == 7) {
      batch.fail(i, "Hopeless", "nobody can do this");
    }
  }
  co_return Result<void>();
}

}  // namespace

Options word_options(std::uint64_t seed) {
  static const auto counted = words("words").build().value();
  static const auto grown = words("words").keep("min", min(&Word::value)).build().value();
  static const auto changed = words("words").key(&Word::value).build().value();
  static const auto other = words("other").build().value();
  static const auto third = words("third").keep("mean", mean(&Word::value)).build().value();
  pipelines::FailurePolicy to_halt;
  to_halt.on_failure = pipelines::OnFailure::halt;
  pipelines::FailurePolicy few;
  few.letters_max = 3;
  static const std::vector<pipelines::PipelinePtr> strict{words("words").on_failure(to_halt).build().value(),
                                                          words("words").on_failure(few).build().value(),
                                                          words("other").on_failure(to_halt).build().value()};
  static const auto handler = pipeline<Word>("handler").decode(decode_word).handler(handle).build().value();
  Options options;
  options.seed = seed;
  options.payload = payload;
  options.pipeline = counted;
  options.grown = grown;
  options.changed = changed;
  options.strict = strict;
  switch (seed % 3) {
    case 1:
      options.others = {other};
      break;
    case 2:
      options.others = {other, third};
      break;
    default:
      options.others = {handler};
      break;
  }
  if (seed % 7 == 0) {
    options.others.push_back(seed % 3 == 0 ? third : handler);
  }
  return options;
}

}  // namespace weir::simulation
