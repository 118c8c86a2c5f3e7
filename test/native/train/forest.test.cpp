// Laws of the division of a batch over engines that compute side by side.
#include "train/forest.h"

#include <algorithm>
#include <limits>

#include "random_model.h"

namespace {

using namespace agl;
using namespace agl::test;

// Groups that share prompts of several lengths; some sequences are the same, or the beginning of another.
Batch randomBatch(std::uint64_t seed) {
  Batch batch;
  for (std::uint64_t group = 0; group < 2 + seed % 2; group++) {
    const auto prompt = randomTokens(1 + static_cast<std::int64_t>((seed * 7 + group * 13) % 40), 50, seed * 10 + group);
    for (std::uint64_t i = 0; i < 3; i++) {
      std::vector<std::int32_t> sequence = prompt;
      const auto answer = randomTokens(1 + static_cast<std::int64_t>((seed + i * 5) % 12), 50, seed + i / 2);
      sequence.insert(sequence.end(), answer.begin(), answer.end());
      batch.add(sequence);
    }
  }
  return batch;
}

std::int64_t rowsOf(const Batch& batch, const Division& division, std::size_t begin, std::size_t end) {
  Batch part;
  for (std::size_t i = begin; i < end; i++) {
    const std::span<const std::int32_t> sequence = batch.view().at(static_cast<std::size_t>(division.order[i]));
    part.add({sequence.begin(), sequence.end()});
  }
  return plantForest(part.view()).rows();
}

// The largest micro-batch of the best cut of order[begin ..] into at most `parts`.
std::int64_t leastLargest(const Batch& batch, const Division& division, std::size_t begin, std::size_t parts) {
  const std::size_t count = division.order.size();
  if (begin == count) return 0;
  if (parts == 0) return std::numeric_limits<std::int64_t>::max();
  std::int64_t best = std::numeric_limits<std::int64_t>::max();
  for (std::size_t end = begin + 1; end <= count; end++) {
    best = std::min(best, std::max(rowsOf(batch, division, begin, end), leastLargest(batch, division, end, parts - 1)));
  }
  return best;
}

struct Measured {
  std::int64_t largest = 0;
  std::int64_t total = 0;
};

Measured measure(const Batch& batch, const Division& division) {
  Measured measured;
  std::size_t begin = 0;
  for (const std::int32_t end : division.ends) {
    const std::int64_t rows = rowsOf(batch, division, begin, static_cast<std::size_t>(end));
    measured.largest = std::max(measured.largest, rows);
    measured.total += rows;
    begin = static_cast<std::size_t>(end);
  }
  return measured;
}

}  // namespace

TEST("engines that share a batch take as few rounds as one budget asks for, their largest micro-batch as small as cuts can make it") {
  for (std::uint64_t seed = 0; seed < 24; seed++) {
    const Batch batch = randomBatch(seed);
    const std::int64_t budget = 60 + static_cast<std::int64_t>(seed) * 5;
    const Division alone = divideBatch(batch.view(), budget);
    for (const std::size_t shares : {2U, 3U}) {
      const Division division = divideBatch(batch.view(), budget, shares);
      const std::size_t rounds = (alone.ends.size() + shares - 1) / shares;
      const Measured measured = measure(batch, division);
      CHECK(division.order == alone.order);
      CHECK(division.ends.size() <= rounds * shares);
      CHECK(measured.largest == leastLargest(batch, division, 0, rounds * shares));
      CHECK(measured.total == division.distinct + division.repeated);
    }
    const Measured measured = measure(batch, alone);
    CHECK(measured.largest <= budget);
    CHECK(measured.total == alone.distinct + alone.repeated);
  }
}

TEST("sequences that add no row stay with the one that has them, however many engines share the batch") {
  Batch batch;
  const auto sequence = randomTokens(40, 50, 3);
  for (int i = 0; i < 5; i++) batch.add(sequence);
  batch.add({sequence.begin(), sequence.begin() + 20});
  const Division division = divideBatch(batch.view(), 100, 4);
  CHECK(division.ends.size() == 1);
  CHECK(division.repeated == 0);
}
