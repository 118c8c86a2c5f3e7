// Attention's gradients on a CUDA device: those in f32 are the CPU's bits, those in bf16 lie within what rounding their
// operands can do; on every layout of tiles and keys, of forests too, and whatever unused memory holds.
#include "ops/attention/attention_backward_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/half.h"
#include "machine.h"
#include "ops/attention/attention.reference.h"
#include "ops/backends.h"
#include "stored_keys.h"

namespace agl::test {
namespace {

struct Heads {
  std::int64_t heads, kvHeads, headSize;
  bool bf16;
  std::int64_t apart = 3;  // columns of others beside a matrix's own; 8 lets 16-byte copies read it

  AttentionShape shape() const { return {heads, kvHeads, headSize, 1.0F / std::sqrt(static_cast<float>(headSize))}; }
  std::int64_t queryWidth() const { return heads * headSize; }
  std::int64_t keyWidth() const { return kvHeads * headSize; }
};

// Tiles, runs, and what numbers each row of q and each slot holds: rows and slots of the same identity hold the same ones,
// those that nothing names hold NaN.
struct Scene {
  std::vector<AttentionTile> tiles;
  std::vector<KeyRun> runs;
  std::vector<std::uint64_t> queries;           // identity by row
  std::map<std::int32_t, std::uint64_t> slots;  // identity by slot
  std::int64_t rows() const { return static_cast<std::int64_t>(queries.size()); }
  std::int64_t slotCount() const { return slots.rbegin()->first + 3; }

  // The slots of a tile's positions 0 .. count - 1.
  std::vector<std::int32_t> keysOf(const AttentionTile& tile, std::int32_t count) const {
    std::vector<std::int32_t> out;
    for (std::int32_t r = tile.firstRun; static_cast<std::int32_t>(out.size()) < count; r++) {
      for (std::int32_t i = 0; i < runs[r].count; i++) out.push_back(runs[r].slot + i);
    }
    out.resize(static_cast<std::size_t>(count));
    return out;
  }
};

struct Sequence {
  std::int32_t first, queries;
};

// Sequences one after another: tiles of at most `tileRows` rows, runs of at most `longestRun` keys; runs in descending slots
// with gaps where `scattered`.
Scene sequencesOf(const std::vector<Sequence>& sequences, std::int32_t tileRows, std::int32_t longestRun, bool scattered) {
  Scene s;
  std::int32_t free = scattered ? 5000 : 0;
  for (std::size_t i = 0; i < sequences.size(); i++) {
    const Sequence& sequence = sequences[i];
    const std::int32_t firstRun = static_cast<std::int32_t>(s.runs.size()), keys = sequence.first + sequence.queries;
    for (std::int32_t position = 0; position < keys;) {
      const std::int32_t longest = scattered ? 1 + (longestRun * 7 + position * 13) % longestRun : longestRun;
      const std::int32_t count = std::min(longest, keys - position);
      if (scattered) free -= count + position % 3;
      for (std::int32_t j = 0; j < count; j++) s.slots[free + j] = 10'000 * i + static_cast<std::uint64_t>(position + j);
      s.runs.push_back({free, count});
      if (!scattered) free += count;
      position += count;
    }
    for (std::int32_t r = 0; r < sequence.queries; r += tileRows) {
      s.tiles.push_back({static_cast<std::int32_t>(s.rows()) + r, std::min(tileRows, sequence.queries - r),
                         sequence.first + r, firstRun, static_cast<std::int32_t>(s.runs.size()) - firstRun});
    }
    for (std::int32_t r = 0; r < sequence.queries; r++) {
      s.queries.push_back(10'000 * i + static_cast<std::uint64_t>(sequence.first + r));
    }
  }
  return s;
}

// A trunk with three branches, one of which branches again, and a tree of its own; rows are slots, as in training.
Scene forest() {
  struct Stretch {
    std::int32_t rows, parent;
  };
  const std::vector<Stretch> stretches = {{150, -1}, {20, 0}, {35, 0}, {9, 2}, {33, 2}, {20, 0}, {15, -1}};
  Scene s;
  std::vector<std::vector<KeyRun>> paths;
  std::vector<std::int32_t> ends;
  for (const Stretch& stretch : stretches) {
    std::vector<KeyRun> path = stretch.parent < 0 ? std::vector<KeyRun>() : paths[stretch.parent];
    const std::int32_t position = stretch.parent < 0 ? 0 : ends[stretch.parent];
    const std::int32_t row = static_cast<std::int32_t>(s.rows());
    path.push_back({row, stretch.rows});
    s.tiles.push_back({row, stretch.rows, position, static_cast<std::int32_t>(s.runs.size()),
                       static_cast<std::int32_t>(path.size())});
    s.runs.insert(s.runs.end(), path.begin(), path.end());
    for (std::int32_t i = 0; i < stretch.rows; i++) {
      s.slots[row + i] = static_cast<std::uint64_t>(row + i);
      s.queries.push_back(static_cast<std::uint64_t>(row + i));
    }
    paths.push_back(path);
    ends.push_back(position + stretch.rows);
  }
  return s;
}

// Each leaf of a forest as a sequence of its own, whose rows and slots keep their numbers.
Scene separated(const Scene& forest) {
  Scene s;
  std::int32_t free = 0;
  for (std::size_t t = 0; t < forest.tiles.size(); t++) {
    const AttentionTile& tile = forest.tiles[t];
    const bool isInner = std::any_of(forest.tiles.begin(), forest.tiles.end(), [&](const AttentionTile& other) {
      const auto keys = forest.keysOf(other, other.position + other.rows);
      return other.row > tile.row && std::find(keys.begin(), keys.end(), tile.row) != keys.end();
    });
    if (isInner) continue;
    const std::int32_t count = tile.position + tile.rows;
    s.tiles.push_back({free, count, 0, static_cast<std::int32_t>(s.runs.size()), 1});
    s.runs.push_back({free, count});
    for (const std::int32_t slot : forest.keysOf(tile, count)) {
      s.slots[free++] = forest.slots.at(slot);
      s.queries.push_back(forest.slots.at(slot));
    }
  }
  return s;
}

float rounded(float number) { return bf16ToF32(f32ToBf16(number)); }

// What one call reads.
struct Numbers {
  Floats q, dout, out, lse, k, v;
};

Floats rowsOf(const std::vector<std::uint64_t>& identities, std::uint64_t what, std::int64_t width) {
  Floats out;
  for (const std::uint64_t identity : identities) {
    const Floats row = randomNumbers(width, 1'000'003 * what + identity);
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

Floats slotsOf(const Scene& s, const Heads& heads, std::uint64_t what) {
  Floats out(static_cast<std::size_t>(s.slotCount() * heads.keyWidth()), kNan);
  for (const auto& [slot, identity] : s.slots) {
    Floats row = randomNumbers(heads.keyWidth(), 1'000'003 * what + identity);
    if (heads.bf16) std::transform(row.begin(), row.end(), row.begin(), rounded);
    std::copy(row.begin(), row.end(), out.begin() + slot * heads.keyWidth());
  }
  return out;
}

using Matrix = std::vector<std::vector<double>>;

// Calls visit(query head, row, slots of the keys it sees, their k and v) for every query.
template <class Visit>
void forEachQuery(const Scene& s, const Heads& heads, const Floats& k, const Floats& v, Visit visit) {
  const std::int64_t group = heads.heads / heads.kvHeads;
  for (const AttentionTile& tile : s.tiles) {
    const auto slots = s.keysOf(tile, tile.position + tile.rows);
    for (std::int64_t head = 0; head < heads.heads; head++) {
      const auto gathered = [&](const Floats& from) {
        Matrix rows;
        for (const std::int32_t slot : slots) {
          const auto at = from.begin() + slot * heads.keyWidth() + head / group * heads.headSize;
          rows.emplace_back(at, at + heads.headSize);
        }
        return rows;
      };
      const Matrix kRows = gathered(k), vRows = gathered(v);
      for (std::int32_t r = 0; r < tile.rows; r++) {
        visit(head, std::int64_t{tile.row} + r, slots,
              reference::AttentionKeys<double>{kRows, vRows, tile.position + r + 1, heads.headSize,
                                               static_cast<double>(heads.shape().scale)});
      }
    }
  }
}

std::vector<double> headOf(const Floats& rows, const Heads& heads, std::int64_t row, std::int64_t head) {
  const auto at = rows.begin() + row * heads.queryWidth() + head * heads.headSize;
  return {at, at + heads.headSize};
}

// Random numbers; out and lse by the reference, from what the products read.
Numbers numbersOf(const Scene& s, const Heads& heads) {
  Numbers n = {rowsOf(s.queries, 0, heads.queryWidth()), rowsOf(s.queries, 3, heads.queryWidth()),
               Floats(static_cast<std::size_t>(s.rows() * heads.queryWidth())),
               Floats(static_cast<std::size_t>(s.rows() * heads.heads)), slotsOf(s, heads, 1), slotsOf(s, heads, 2)};
  Floats q = n.q;
  if (heads.bf16) std::transform(q.begin(), q.end(), q.begin(), rounded);
  forEachQuery(s, heads, n.k, n.v, [&](auto head, auto row, const auto&, const auto& keys) {
    std::vector<double> out(static_cast<std::size_t>(heads.headSize));
    n.lse[row * heads.heads + head] =
        static_cast<float>(reference::attentionForward(out.data(), headOf(q, heads, row, head).data(), keys));
    std::copy(out.begin(), out.end(), n.out.begin() + row * heads.queryWidth() + head * heads.headSize);
  });
  return n;
}

struct Gradients {
  Floats dq, dk, dv;
  bool operator==(const Gradients& other) const {
    return sameNumbers(dq, other.dq) && sameNumbers(dk, other.dk) && sameNumbers(dv, other.dv);
  }
};

// dq, dk and dv begin at `start`.
Gradients gradientsOn(Context& ctx, const Scene& s, const Heads& heads, const Numbers& n, float start) {
  const std::int64_t rows = s.rows(), slots = s.slotCount(), width = heads.queryWidth(), keyWidth = heads.keyWidth();
  Apart q(rows, width, n.q, ctx.device), dout(rows, width, n.dout, ctx.device), out(rows, width, n.out, ctx.device);
  Apart lse(rows, heads.heads, n.lse, ctx.device), dq(rows, width, start, ctx.device);
  StoredKeys k(ctx.device, n.k, keyWidth, heads.apart, heads.bf16), v(ctx.device, n.v, keyWidth, heads.apart, heads.bf16);
  Apart dk(slots, keyWidth, start, ctx.device), dv(slots, keyWidth, start, ctx.device);
  AttentionWork work = {s.tiles, s.runs};
  ctx.device.beginStage();
  ctx.ops.attention.prepare(ctx, work, true);
  ctx.ops.attention.backward(ctx, dq.view(), dk.view(), dv.view(), dout.view(), out.view(), lse.view(), q.view(), k.view(),
                             v.view(), work, heads.shape());
  const Gradients g = {numbersOf(dq, rows, width), numbersOf(dk, slots, keyWidth), numbersOf(dv, slots, keyWidth)};
  CHECK(dq.marksHold() && dk.marksHold() && dv.marksHold());
  return g;
}

// With no more scratch than is said to be needed.
Gradients onDevice(const Scene& s, const Heads& heads, const Numbers& n, float start) {
  Gradients g;
  onCuda([&](Context& ctx) { g = gradientsOn(ctx, s, heads, n, start); },
         attentionBackwardScratchBytes(s.rows(), heads.shape(), heads.bf16 ? Dtype::bf16 : Dtype::f32));
  return g;
}

Gradients onCpu(const Scene& s, const Heads& heads, const Numbers& n, float start) {
  Pool pool(2, attentionScratchBytes(heads.shape()));
  Context ctx = cpuContext(pool, *kernelsOf(bestIsa()));
  return gradientsOn(ctx, s, heads, n, start);
}

const std::vector<Sequence> kSequences = {{0, 33}, {126, 4}, {250, 9}, {300, 40}, {0, 1}, {127, 2}};

std::vector<Scene> scenes() {
  return {sequencesOf(kSequences, 32, 1 << 20, false), sequencesOf(kSequences, 5, 40, true),
          sequencesOf(kSequences, 77, 3, true), forest()};
}

const Heads kF32Heads[] = {{1, 1, 8, false}, {2, 1, 10, false}, {6, 2, 64, false}, {6, 3, 80, false},
                           {16, 1, 16, false}, {1, 1, 200, false}};
const Heads kBf16Heads[] = {{7, 1, 64, true, 8}, {3, 3, 80, true, 8}, {2, 1, 96, true, 8}, {5, 1, 128, true, 8},
                            {2, 1, 10, true},     {2, 1, 64, true, 3}};

// A gradient and how far rounding operands to bf16 and summing in f32 may carry it.
struct Bounded {
  std::vector<double> value, bound;
  explicit Bounded(std::size_t count, double start) : value(count, start), bound(count, std::abs(start) * 0x1p-22) {}
  void add(std::size_t at, double number, double by) {
    value[at] += number;
    bound[at] += by;
  }
};

bool within(const Floats& got, const Bounded& expected) {
  for (std::size_t i = 0; i < got.size(); i++) {
    if (!(std::abs(static_cast<double>(got[i]) - expected.value[i]) <= expected.bound[i])) return false;
  }
  return true;
}

struct BoundedGradients {
  Bounded dq, dk, dv;
};

// The reference's gradients of q as it is rounded. bf16 moves dout, p and ds by at most 2^-8 of themselves; chains in f32
// of at most 1,024 numbers and exp add less than 2^-13 of the sum of magnitudes.
BoundedGradients expectedOf(const Scene& s, const Heads& heads, const Numbers& n, double start) {
  constexpr double kHalf = 0x1p-8, kSums = 0x1p-13;
  BoundedGradients g = {Bounded(n.q.size(), start), Bounded(n.k.size(), start), Bounded(n.k.size(), start)};
  Floats q = n.q;
  std::transform(q.begin(), q.end(), q.begin(), rounded);
  const std::int64_t size = heads.headSize, group = heads.heads / heads.kvHeads;
  forEachQuery(s, heads, n.k, n.v, [&](std::int64_t head, std::int64_t row, const auto& slots, const auto& keys) {
    const std::vector<double> own = headOf(q, heads, row, head), dout = headOf(n.dout, heads, row, head);
    Matrix dk(keys.k.size(), std::vector<double>(own.size())), dv = dk;
    std::vector<double> dq(own.size()), p, out(own.size());
    reference::attentionBackward(dq.data(), dk, dv, dout.data(), own.data(), keys);
    reference::attentionForward(out.data(), own.data(), keys);
    reference::attentionWeights(p, own.data(), keys);
    const std::size_t at = static_cast<std::size_t>(row * heads.queryWidth() + head * size);
    for (std::int64_t d = 0; d < size; d++) g.dq.add(at + d, dq[d], 0);
    for (std::int64_t j = 0; j < keys.count; j++) {
      double magnitude = 0;  // of dout . v, and of delta
      for (std::int64_t d = 0; d < size; d++) magnitude += std::abs(dout[d]) * (std::abs(keys.v[j][d]) + std::abs(out[d]));
      const double ds = p[j] * keys.scale * magnitude * (2 * kHalf + kSums);
      const std::size_t slot = static_cast<std::size_t>(slots[j] * heads.keyWidth() + head / group * size);
      for (std::int64_t d = 0; d < size; d++) {
        g.dq.add(at + d, 0, ds * std::abs(keys.k[j][d]));
        g.dk.add(slot + d, dk[j][d], ds * std::abs(own[d]));
        g.dv.add(slot + d, dv[j][d], p[j] * std::abs(dout[d]) * (2 * kHalf + kSums));
      }
    }
  });
  return g;
}

}  // namespace

TEST("attention's plan: every query meets every key it sees exactly once, in the order of the tiles") {
  for (const Scene& s : scenes()) {
    const AttentionBackwardPlan plan = planAttentionBackward(s.tiles, s.runs);
    std::set<std::pair<std::int32_t, std::int32_t>> expected, met;  // (tile, slot)
    for (std::size_t t = 0; t < s.tiles.size(); t++) {
      for (const std::int32_t slot : s.keysOf(s.tiles[t], s.tiles[t].position + s.tiles[t].rows)) {
        expected.insert({static_cast<std::int32_t>(t), slot});
      }
    }
    std::size_t pairs = 0;
    std::int32_t end = 0;
    for (const AttentionKeyBlock& block : plan.blocks) {
      CHECK(block.slot >= end && block.rows > 0 && block.rows <= AttentionKeyBlock::kRows && block.visits > 0);
      end = block.slot + block.rows;
      std::int32_t before = 0;
      for (std::int32_t i = 0; i < block.visits; i++) {
        const AttentionVisit& visit = plan.visits[block.firstVisit + i];
        CHECK(visit.tile >= before && visit.first >= 0 && visit.first + visit.count <= block.rows);
        before = visit.tile;
        const auto keys = s.keysOf(s.tiles[visit.tile], visit.position + visit.count);
        for (std::int32_t j = 0; j < visit.count; j++) {
          CHECK(keys[visit.position + j] == block.slot + visit.first + j);
          met.insert({visit.tile, block.slot + visit.first + j});
          pairs++;
        }
      }
    }
    CHECK(met == expected && pairs == expected.size());
    CHECK(plan.rowsBefore.back() == s.rows());
  }
}

TEST("attention.backward on a device: f32 gives the CPU's bits, on every layout and of forests") {
  for (const Heads& heads : kF32Heads) {
    for (const Scene& s : scenes()) {
      const Numbers n = numbersOf(s, heads);
      CHECK(onDevice(s, heads, n, 0.1F) == onCpu(s, heads, n, 0.1F));
    }
  }
}

TEST("attention.backward on a device: bf16 lies within what rounding operands does of the reference, and adds") {
  for (const Heads& heads : kBf16Heads) {
    for (const Scene& s : scenes()) {
      const Numbers n = numbersOf(s, heads);
      const Gradients g = onDevice(s, heads, n, 0.1F);
      const BoundedGradients expected = expectedOf(s, heads, n, static_cast<double>(0.1F));
      CHECK(within(g.dq, expected.dq));
      CHECK(within(g.dk, expected.dk));
      CHECK(within(g.dv, expected.dv));
    }
  }
}

TEST("attention.backward on a device: the same call gives the same bits, whatever order its warps run in") {
  const Scene s = forest();
  for (const Heads& heads : {Heads{4, 2, 64, true, 8}, Heads{4, 2, 10, true}, Heads{4, 2, 40, false}}) {
    const Numbers n = numbersOf(s, heads);
    const Gradients first = onDevice(s, heads, n, 0.0F);
    for (const Floats* numbers : {&first.dq, &first.dk, &first.dv}) {
      CHECK(std::none_of(numbers->begin(), numbers->end(), [](float number) { return std::isnan(number); }));
    }
    inEveryOrder([&] { CHECK(onDevice(s, heads, n, 0.0F) == first); });
  }
}

TEST("attention.backward on a device: a forest's gradients are the sums of its separate sequences'") {
  const Scene together = forest(), apart = separated(together);
  for (const Heads& heads : {Heads{4, 2, 64, true, 8}, Heads{4, 2, 64, false}}) {
    const Numbers n = numbersOf(together, heads);
    Numbers repeated = numbersOf(apart, heads);
    // A repeated query's gradient is divided among its copies: only the first one has it.
    std::set<std::uint64_t> seen;
    for (std::int64_t r = 0; r < apart.rows(); r++) {
      if (seen.insert(apart.queries[r]).second) continue;
      std::fill_n(repeated.dout.begin() + r * heads.queryWidth(), heads.queryWidth(), 0.0F);
    }
    const Gradients g = onDevice(together, heads, n, 0.0F), h = onDevice(apart, heads, repeated, 0.0F);
    const auto compare = [&](const Floats& forestRows, const Floats& rows, std::int64_t width) {
      std::vector<double> sums(forestRows.size());
      for (std::int64_t r = 0; r < apart.rows(); r++) {
        for (std::int64_t c = 0; c < width; c++) sums[apart.queries[r] * width + c] += static_cast<double>(rows[r * width + c]);
      }
      for (std::size_t i = 0; i < static_cast<std::size_t>(together.rows() * width); i++) {
        // The same rounded products, in f32 sums of up to 400 of them in another order.
        CHECK_NEAR(static_cast<double>(forestRows[i]), sums[i], 0x1p-15, 0);
      }
    };
    compare(g.dq, h.dq, heads.queryWidth());
    compare(g.dk, h.dk, heads.keyWidth());
    compare(g.dv, h.dv, heads.keyWidth());
  }
}

}  // namespace agl::test
