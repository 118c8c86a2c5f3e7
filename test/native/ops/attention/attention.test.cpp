#include "ops/attention/attention.h"

#include <algorithm>
#include <numeric>

#include "core/half.h"
#include "ops/attention/attention.reference.h"
#include "ops/backends.h"
#include "stored_keys.h"

namespace agl::test {
namespace {

struct Heads {
  std::int64_t heads, kvHeads, headSize;
  bool bf16 = false;
  AttentionShape shape() const {
    return {heads, kvHeads, headSize, 1.0F / std::sqrt(static_cast<float>(headSize))};
  }
};

float rounded(float number) { return bf16ToF32(f32ToBf16(number)); }

// A sequence's positions [first, first + queries) ask, all its positions answer.
struct Sequence {
  std::int64_t first, queries;
  std::int64_t keys() const { return first + queries; }
};

// How the same numbers are laid out and asked for; none of it may change a bit.
struct Layout {
  std::int32_t tileRows = 32;
  std::int32_t longestRun = 1 << 30;  // cuts of random length up to this
  bool shuffled = false;              // slots in random order, unused ones between them
  std::int64_t apart = 3;             // columns of other matrices between a row of keys and the next
};

// A batch of sequences in one layout: queries in order, keys and values in slots, NaN in every slot that none names.
class Scene {
 public:
  Scene(Heads heads, std::vector<Sequence> sequences, Layout layout, std::uint64_t seed)
      : heads_(heads), sequences_(std::move(sequences)), apart_(layout.apart), seed_(seed) {
    std::int32_t row = 0;
    for (std::size_t s = 0; s < sequences_.size(); s++) {
      firstRun_.push_back(static_cast<std::int32_t>(runs_.size()));
      cutRuns(s, layout);
      firstRow_.push_back(row);
      const std::int32_t queries = static_cast<std::int32_t>(sequences_[s].queries);
      for (std::int32_t r = 0; r < queries; r += layout.tileRows) {
        tiles_.push_back({row + r, std::min(layout.tileRows, queries - r),
                          static_cast<std::int32_t>(sequences_[s].first) + r, firstRun_[s],
                          static_cast<std::int32_t>(runs_.size()) - firstRun_[s]});
      }
      row += queries;
    }
    rows_ = row;
    placeRuns(layout.shuffled);
    fillSlots();
  }

  AttentionShape shape() const { return heads_.shape(); }
  std::int64_t queryWidth() const { return heads_.heads * heads_.headSize; }
  std::int64_t keyWidth() const { return heads_.kvHeads * heads_.headSize; }
  std::int64_t rows() const { return rows_; }
  std::int64_t slots() const { return slots_; }
  std::int64_t apart() const { return apart_; }
  const std::vector<Sequence>& sequences() const { return sequences_; }
  std::int64_t row(std::size_t sequence) const { return firstRow_[sequence]; }
  std::int64_t slot(std::size_t sequence, std::int64_t position) const {
    std::size_t run = static_cast<std::size_t>(firstRun_[sequence]);
    for (; position >= runs_[run].count; run++) position -= runs_[run].count;
    return runs_[run].slot + position;
  }
  const std::vector<AttentionTile>& tiles() const { return tiles_; }
  AttentionWork work() const { return {tiles_, runs_}; }
  const std::vector<KeyRun>& runs() const { return runs_; }

  // The numbers of one row, a function of the seed, the sequence and the position.
  Floats numbers(std::uint64_t what, std::size_t sequence, std::int64_t position, std::int64_t count) const {
    return randomNumbers(count, seed_ + 1'000'003 * what + 10'007 * sequence + static_cast<std::uint64_t>(position));
  }
  Floats queries(std::uint64_t what) const {
    Floats out;
    for (std::size_t s = 0; s < sequences_.size(); s++) {
      for (std::int64_t i = 0; i < sequences_[s].queries; i++) {
        const Floats row = numbers(what, s, sequences_[s].first + i, queryWidth());
        out.insert(out.end(), row.begin(), row.end());
      }
    }
    return out;
  }
  // What the kernel's products read of a query: all of it, or its rounding.
  Floats operands() const {
    Floats out = queries(0);
    if (heads_.bf16) std::transform(out.begin(), out.end(), out.begin(), rounded);
    return out;
  }
  bool bf16() const { return heads_.bf16; }
  Floats keys, values;  // (slots, keyWidth)

 private:
  void cutRuns(std::size_t s, Layout layout) {
    std::int64_t left = sequences_[s].keys();
    for (std::uint32_t i = 0; left > 0; i++) {
      const std::int64_t longest = std::min<std::int64_t>(left, layout.longestRun);
      const double draw = uniform(philox({i, static_cast<std::uint32_t>(s), 7, 0}, seed_)[0], 0);
      const std::int64_t count =
          layout.longestRun > 1'000'000 ? left : 1 + static_cast<std::int64_t>(draw * static_cast<double>(longest - 1));
      runs_.push_back({0, static_cast<std::int32_t>(count)});
      left -= count;
    }
  }
  void placeRuns(bool shuffled) {
    std::vector<std::size_t> order(runs_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::vector<std::uint32_t> draws(runs_.size());
    for (std::uint32_t i = 0; i < draws.size(); i++) draws[i] = philox({i, 1, 8, 0}, seed_)[0];
    if (shuffled) std::sort(order.begin(), order.end(), [&](auto a, auto b) { return draws[a] < draws[b]; });
    std::int32_t slot = 0;
    for (const std::size_t i : order) {
      if (shuffled) slot += static_cast<std::int32_t>(draws[i] % 3);
      runs_[i].slot = slot;
      slot += runs_[i].count;
    }
    slots_ = slot + 2;
  }
  void fillSlots() {
    keys.assign(static_cast<std::size_t>(slots_ * keyWidth()), kNan);
    values = keys;
    for (std::size_t s = 0; s < sequences_.size(); s++) {
      for (std::int64_t p = 0; p < sequences_[s].keys(); p++) {
        Floats k = numbers(1, s, p, keyWidth()), v = numbers(2, s, p, keyWidth());
        for (Floats* row : {&k, &v}) {
          if (heads_.bf16) std::transform(row->begin(), row->end(), row->begin(), rounded);
        }
        std::copy(k.begin(), k.end(), keys.begin() + slot(s, p) * keyWidth());
        std::copy(v.begin(), v.end(), values.begin() + slot(s, p) * keyWidth());
      }
    }
  }

  Heads heads_;
  std::vector<Sequence> sequences_;
  std::int64_t apart_;
  std::uint64_t seed_;
  std::vector<std::int32_t> firstRun_, firstRow_;
  std::vector<AttentionTile> tiles_;
  std::vector<KeyRun> runs_;
  std::int64_t rows_ = 0, slots_ = 0;
};

StoredKeys stored(Context& ctx, const Scene& s, const Floats& numbers) {
  return {ctx.device, numbers, s.keyWidth(), s.apart(), s.bf16()};
}

struct Forward {
  Floats out, lse;
};

AttentionWork prepared(Context& ctx, AttentionWork work, bool withBackward) {
  ctx.device.beginStage();
  ctx.ops.attention.prepare(ctx, work, withBackward);
  return work;
}

Forward forward(Context& ctx, const Scene& s) {
  Apart q(s.rows(), s.queryWidth(), s.queries(0), ctx.device), out(s.rows(), s.queryWidth(), kNan, ctx.device);
  Apart lse(s.rows(), s.shape().heads, kNan, ctx.device);
  StoredKeys k = stored(ctx, s, s.keys), v = stored(ctx, s, s.values);
  ctx.ops.attention.forward(ctx, out.view(), lse.view(), q.view(), k.view(), v.view(), prepared(ctx, s.work(), false),
                            s.shape());
  CHECK(out.marksHold() && lse.marksHold());
  return {numbersOf(out, s.rows(), s.queryWidth()), numbersOf(lse, s.rows(), s.shape().heads)};
}

struct Backward {
  Floats dq, dk, dv;
};

// dq, dk and dv begin at `start`.
Backward backward(Context& ctx, const Scene& s, float start) {
  const Forward f = forward(ctx, s);
  Apart q(s.rows(), s.queryWidth(), s.queries(0), ctx.device), dout(s.rows(), s.queryWidth(), s.queries(3), ctx.device);
  Apart out(s.rows(), s.queryWidth(), f.out, ctx.device), lse(s.rows(), s.shape().heads, f.lse, ctx.device);
  StoredKeys k = stored(ctx, s, s.keys), v = stored(ctx, s, s.values);
  Apart dq(s.rows(), s.queryWidth(), start, ctx.device), dk(s.slots(), s.keyWidth(), start, ctx.device), dv(s.slots(), s.keyWidth(), start, ctx.device);
  ctx.ops.attention.backward(ctx, dq.view(), dk.view(), dv.view(), dout.view(), out.view(), lse.view(), q.view(),
                              k.view(), v.view(), prepared(ctx, s.work(), true), s.shape());
  CHECK(dq.marksHold() && dk.marksHold() && dv.marksHold());
  return {numbersOf(dq, s.rows(), s.queryWidth()), numbersOf(dk, s.slots(), s.keyWidth()),
          numbersOf(dv, s.slots(), s.keyWidth())};
}

void lawOf(AttentionShape shape, const std::function<void(Context&)>& law) {
  onEveryBackend(law, attentionScratchBytes(shape));
  onCuda(law, attentionForwardScratchBytes(shape));  // more than backward takes for the rows of these scenes
}

using Rows = std::vector<std::vector<double>>;

// Columns [kvHead D, (kvHead + 1) D) of a sequence's keys or values, in double.
Rows headRows(const Scene& s, const Floats& slots, std::size_t sequence, std::int64_t kvHead) {
  Rows out;
  for (std::int64_t p = 0; p < s.sequences()[sequence].keys(); p++) {
    const auto from = slots.begin() + s.slot(sequence, p) * s.keyWidth() + kvHead * s.shape().headSize;
    out.emplace_back(from, from + s.shape().headSize);
  }
  return out;
}

// Calls visit(sequence, head, row, position, keys of the query) for every query, keys in double.
template <class Visit>
void forEachQuery(const Scene& s, Visit visit) {
  const std::int64_t group = s.shape().heads / s.shape().kvHeads;
  for (std::size_t i = 0; i < s.sequences().size(); i++) {
    for (std::int64_t head = 0; head < s.shape().heads; head++) {
      const Rows k = headRows(s, s.keys, i, head / group), v = headRows(s, s.values, i, head / group);
      for (std::int64_t r = 0; r < s.sequences()[i].queries; r++) {
        const std::int64_t count = s.sequences()[i].first + r + 1;
        visit(i, head, s.row(i) + r,
              reference::AttentionKeys<double>{k, v, count, s.shape().headSize,
                                               static_cast<double>(s.shape().scale)});
      }
    }
  }
}

std::vector<double> headOf(const Floats& rows, const Scene& s, std::int64_t row, std::int64_t head) {
  const auto from = rows.begin() + row * s.queryWidth() + head * s.shape().headSize;
  return {from, from + s.shape().headSize};
}

const Heads kHeads[] = {{1, 1, 8},       {2, 1, 10},       {4, 4, 32},       {5, 5, 40},        {14, 2, 64},
                        {6, 3, 80},      {3, 3, 96},       {4, 2, 128},      {40, 2, 16},       {2, 2, 256},
                        {2, 1, 10, true}, {5, 5, 40, true}, {7, 1, 64, true}, {2, 1, 128, true}};
const std::vector<Sequence> kLengths = {{0, 1}, {126, 4}, {0, 33}, {250, 9}, {899, 2}, {127, 1}, {128, 1}, {255, 2}};

const Layout kLayouts[] = {{32, 1 << 30, false}, {1, 1 << 30, false}, {5, 40, true}, {32, 3, true, 8}, {77, 300, true, 8}};
// Other widths of a device's products in bf16, and a group beyond sixteen heads.
const Heads kCudaHeads[] = {{6, 3, 80, true}, {3, 3, 96, true}, {40, 2, 16, true}};

void checkForward(Context& ctx, Heads heads) {
  const Scene s(heads, kLengths, {32, 60, true, 8}, 1);
  const Floats q = s.operands();
  const Forward f = forward(ctx, s);
  forEachQuery(s, [&](std::size_t, std::int64_t head, std::int64_t row, const reference::AttentionKeys<double>& k) {
    std::vector<double> out(static_cast<std::size_t>(heads.headSize));
    const double lse = reference::attentionForward(out.data(), headOf(q, s, row, head).data(), k);
    // A score is a chain of D products of numbers below 1, an output one of at most 900 weights; rounding a weight to
    // bf16 moves it by 2^-9 of itself.
    const double step = 0x1p-24 * static_cast<double>(heads.headSize + 64), weights = heads.bf16 ? 0x1p-9 : 0;
    CHECK_NEAR(static_cast<double>(f.lse[row * heads.heads + head]), lse, step, step);
    for (std::int64_t d = 0; d < heads.headSize; d++) {
      CHECK_NEAR(static_cast<double>(f.out[row * s.queryWidth() + head * heads.headSize + d]), out[d], step + weights,
                 step);
    }
  });
}

// The bits of one query on every layout; a device's own where it computes in bf16.
void checkLayouts(Heads heads, const std::function<void(AttentionShape, const std::function<void(Context&)>&)>& laws) {
  Forward host, device;
  for (const Layout layout : kLayouts) {
    const Scene s(heads, kLengths, layout, 2);
    laws(s.shape(), [&](Context& ctx) {
      const Forward f = forward(ctx, s);
      Forward& first = heads.bf16 && !ctx.device.isHost() ? device : host;
      if (first.out.empty()) first = f;
      CHECK(sameNumbers(f.out, first.out) && sameNumbers(f.lse, first.lse));
    });
  }
}

}  // namespace

TEST("attention: forward equals the reference and writes every output, whatever unused memory holds") {
  for (const Heads heads : kHeads) {
    const AttentionShape shape = heads.shape();
    Pool pool(1, attentionScratchBytes(shape));
    Context ctx = cpuContext(pool, *kernelsOf(bestIsa()));
    checkForward(ctx, heads);
  }
  onCuda([](Context& ctx) {
    for (const Heads heads : kHeads) checkForward(ctx, heads);
    for (const Heads heads : kCudaHeads) checkForward(ctx, heads);
  });
}

TEST("attention: a query's bits do not depend on instruction set, device, threads, tiles, or where its keys lie") {
  for (const Heads heads : kHeads) checkLayouts(heads, lawOf);
  for (const Heads heads : kCudaHeads) {
    checkLayouts(heads, [](AttentionShape, const std::function<void(Context&)>& law) { onCuda(law); });
  }
}

TEST("attention: a row decoded alone has the bits it has in a prefill, at every position around a chunk's end") {
  for (const Heads heads : {Heads{4, 2, 64}, Heads{4, 2, 64, true}, Heads{3, 1, 40, true}}) {
    const Scene prefill(heads, {{0, 260}}, {}, 3);
    lawOf(prefill.shape(), [&](Context& ctx) {
      const Forward all = forward(ctx, prefill);
      for (const std::int64_t p : {0, 1, 126, 127, 128, 129, 254, 255, 256, 257, 259}) {
        const Scene decode(heads, {{p, 1}}, {1, 17, true}, 3);
        const Forward f = forward(ctx, decode);
        CHECK(sameNumbers(f.out.data(), all.out.data() + p * decode.queryWidth(), decode.queryWidth()));
        CHECK(sameNumbers(f.lse.data(), all.lse.data() + p * heads.heads, heads.heads));
      }
      // Decoding asks for no lse.
      Apart q(260, prefill.queryWidth(), prefill.queries(0), ctx.device);
      Apart out(260, prefill.queryWidth(), kNan, ctx.device);
      StoredKeys k = stored(ctx, prefill, prefill.keys), v = stored(ctx, prefill, prefill.values);
      ctx.ops.attention.forward(ctx, out.view(), {}, q.view(), k.view(), v.view(), 
                                prepared(ctx, prefill.work(), false), prefill.shape());
      CHECK(out.equals(all.out));
    });
  }
}

TEST("attention: samples that share a prefix have the bits they have alone, however many are decoded at once") {
  for (const Heads heads : {Heads{4, 2, 64}, Heads{7, 1, 64, true}, Heads{3, 1, 40, true}}) {
    // Enough, once, that a large device has no blocks left to divide the chunks of one sample over.
    const std::int32_t samples = heads.heads == 7 ? 280 : 70, prefix = 200;
    // One long sequence gives the slots; sample i reads its first 200 positions, then stretches of its own behind them.
    const Scene s(heads, {{0, 1300}}, {32, 1 << 30, false}, 9);
    std::vector<KeyRun> runs;
    std::vector<AttentionTile> tiles;
    for (std::int32_t i = 0; i < samples; i++) {
      const std::int32_t own = 1 + i % 9 * 17, shared = i % 10 == 7 ? 130 : prefix;
      tiles.push_back({i, 1, shared + own - 1, static_cast<std::int32_t>(runs.size()), 2});
      runs.push_back({0, shared});
      runs.push_back({prefix + 9 * (i % 70), own});
    }
    const Floats q0 = randomNumbers(samples * s.queryWidth(), 1);
    lawOf(s.shape(), [&](Context& ctx) {
      StoredKeys k = stored(ctx, s, s.keys), v = stored(ctx, s, s.values);
      Apart q(samples, s.queryWidth(), q0, ctx.device), out(samples, s.queryWidth(), kNan, ctx.device);
      Apart lse(samples, heads.heads, kNan, ctx.device), together(samples, s.queryWidth(), kNan, ctx.device);
      for (std::size_t i = 0; i < tiles.size(); i++) {
        ctx.ops.attention.forward(ctx, out.view(), lse.view(), q.view(), k.view(), v.view(),
                                  prepared(ctx, {std::span(tiles).subspan(i, 1), runs}, false), s.shape());
      }
      ctx.ops.attention.forward(ctx, together.view(), lse.view(), q.view(), k.view(), v.view(),
                                prepared(ctx, {tiles, runs}, false), s.shape());
      CHECK(together.equals(numbersOf(out, samples, s.queryWidth())));
    });
  }
}

TEST("attention: a query ignores what lies after its position, even NaN among the keys of its own tile") {
  for (const Heads heads : {Heads{14, 2, 64}, Heads{4, 4, 40}, Heads{14, 2, 64, true}, Heads{4, 4, 40, true}}) {
    for (const std::int64_t position : {3, 126, 130}) {
      Scene s(heads, {{120, 20}}, {20, 50, true}, 4);
      if (position < 120) s = Scene(heads, {{0, 20}}, {20, 50, true}, 4);
      Scene dirty = s;
      for (std::int64_t p = position + 1; p < s.sequences()[0].keys(); p++) {
        std::fill_n(dirty.keys.begin() + s.slot(0, p) * s.keyWidth(), s.keyWidth(), kNan);
        std::fill_n(dirty.values.begin() + s.slot(0, p) * s.keyWidth(), s.keyWidth(), kNan);
      }
      const std::int64_t rows = position + 1 - s.sequences()[0].first;
      lawOf(s.shape(), [&](Context& ctx) {
        const Forward clean = forward(ctx, s), f = forward(ctx, dirty);
        CHECK(sameNumbers(f.out.data(), clean.out.data(), rows * s.queryWidth()));
        CHECK(sameNumbers(f.lse.data(), clean.lse.data(), rows * heads.heads));
        CHECK(std::isnan(f.out[rows * s.queryWidth()]));
        const Backward b = backward(ctx, s, 0.0F), d = backward(ctx, dirty, 0.0F);
        CHECK(sameNumbers(b.dq.data(), d.dq.data(), rows * s.queryWidth()));
      });
    }
  }
}

TEST("attention: backward equals the reference and adds to its outputs, on every layout") {
  for (const Heads heads : kHeads) {
    const Scene s(heads, {{0, 33}, {126, 4}, {250, 9}, {380, 40}}, {32, 60, true}, 5);
    const Floats q = s.operands(), dout = s.queries(3);
    Pool pool(2, attentionScratchBytes(s.shape()));
    Context ctx = cpuContext(pool, *kernelsOf(bestIsa()));
    const Backward b = backward(ctx, s, 0.1F);
    const std::int64_t group = heads.heads / heads.kvHeads;
    std::vector<double> dk(b.dk.size(), static_cast<double>(0.1F)), dv = dk;
    Rows dkHead, dvHead;
    // dk and dv gather up to 33 queries of a group, each a chain of D and of 420 keys; dq a chain of keys.
    // In bf16 the forward's out and lse come of bf16 sums and rounded weights.
    const double step = 0x1p-24 * static_cast<double>(heads.headSize + 64 + 40 * group) + (heads.bf16 ? 0x1p-8 : 0);
    forEachQuery(s, [&](std::size_t sequence, std::int64_t head, std::int64_t row,
                        const reference::AttentionKeys<double>& k) {
      dkHead.assign(k.k.size(), std::vector<double>(static_cast<std::size_t>(heads.headSize)));
      dvHead = dkHead;
      std::vector<double> dq(static_cast<std::size_t>(heads.headSize), static_cast<double>(0.1F));
      reference::attentionBackward(dq.data(), dkHead, dvHead, headOf(dout, s, row, head).data(),
                                   headOf(q, s, row, head).data(), k);
      for (std::int64_t d = 0; d < heads.headSize; d++) {
        CHECK_NEAR(static_cast<double>(b.dq[row * s.queryWidth() + head * heads.headSize + d]), dq[d], step, step);
        for (std::int64_t p = 0; p < k.count; p++) {
          const std::int64_t at = s.slot(sequence, p) * s.keyWidth() + head / group * heads.headSize + d;
          dk[at] += dkHead[p][d];
          dv[at] += dvHead[p][d];
        }
      }
    });
    for (std::size_t i = 0; i < dk.size(); i++) {  // slots that none names keep their 0.1
      CHECK_NEAR(static_cast<double>(b.dk[i]), dk[i], step, step);
      CHECK_NEAR(static_cast<double>(b.dv[i]), dv[i], step, step);
    }
  }
}

TEST("attention: gradients have the same bits on every instruction set, device and number of threads, dq on every layout") {
  for (const Heads heads : kHeads) {
    Floats hostDq, deviceDq;
    for (const Layout layout : kLayouts) {
      const Scene s(heads, {{0, 33}, {126, 4}, {250, 9}}, layout, 6);
      Backward host, device;
      lawOf(s.shape(), [&](Context& ctx) {
        const bool own = heads.bf16 && !ctx.device.isHost();
        const Backward b = backward(ctx, s, 0.1F);
        Backward& first = own ? device : host;
        Floats& dq = own ? deviceDq : hostDq;
        if (first.dq.empty()) first = b;
        if (dq.empty()) dq = b.dq;
        CHECK(sameNumbers(b.dq, first.dq) && sameNumbers(b.dk, first.dk) && sameNumbers(b.dv, first.dv));
        CHECK(sameNumbers(b.dq, dq));
      });
    }
  }
}

TEST("attention: three branches on one prefix add their gradients into its slots in order, on any number of threads") {
  const AttentionShape shape = Heads{8, 2, 64}.shape();
  const std::int64_t slots = 250, rows = 60, width = 512, keyWidth = 128;
  const std::vector<KeyRun> runs = {{100, 90}, {0, 50}, {100, 90}, {50, 50}, {100, 90}, {190, 50}};
  const std::vector<AttentionTile> tiles = {{0, 20, 120, 0, 2}, {20, 20, 120, 2, 2}, {40, 20, 120, 4, 2}};
  const Floats q0 = randomNumbers(rows * width, 1), dout0 = randomNumbers(rows * width, 2);
  const Floats k0 = randomNumbers(slots * keyWidth, 3), v0 = randomNumbers(slots * keyWidth, 4);
  lawOf(shape, [&](Context& ctx) {
    Apart q(rows, width, q0, ctx.device), dout(rows, width, dout0, ctx.device), k(slots, keyWidth, k0, ctx.device), v(slots, keyWidth, v0, ctx.device);
    Apart out(rows, width, kNan, ctx.device), lse(rows, 8, kNan, ctx.device), dk(slots, keyWidth, 0.0F, ctx.device), dv(slots, keyWidth, 0.0F, ctx.device);
    Apart dq(rows, width, 0.0F, ctx.device), dkApart(slots, keyWidth, 0.0F, ctx.device), dvApart(slots, keyWidth, 0.0F, ctx.device);
    const Attention& attention = ctx.ops.attention;
    attention.forward(ctx, out.view(), lse.view(), q.view(), k.view(), v.view(),
                      prepared(ctx, {tiles, runs}, false), shape);
    const auto gradients = [&](Apart& dkTo, Apart& dvTo, std::span<const AttentionTile> which) {
      attention.backward(ctx, dq.view(), dkTo.view(), dvTo.view(), dout.view(), out.view(), lse.view(), q.view(),
                         k.view(), v.view(), prepared(ctx, {which, runs}, true), shape);
    };
    gradients(dk, dv, tiles);
    for (std::size_t t = 0; t < tiles.size(); t++) gradients(dkApart, dvApart, std::span(tiles).subspan(t, 1));
    CHECK(dk.equals(numbersOf(dkApart, slots, keyWidth)) && dv.equals(numbersOf(dvApart, slots, keyWidth)));
    CHECK(dk.row(100)[0] != 0.0F && dk.row(245)[0] == 0.0F);
  });
}

TEST("attention: the reference's gradient equals central differences") {
  const std::int64_t headSize = 6, count = 5;
  std::vector<double> q = randomNumbers<double>(headSize, 1), dq(q.size());
  const std::vector<double> dout = randomNumbers<double>(headSize, 2);
  Rows k, v;
  for (std::int64_t j = 0; j < count; j++) {
    k.push_back(randomNumbers<double>(headSize, 10 + static_cast<std::uint64_t>(j)));
    v.push_back(randomNumbers<double>(headSize, 20 + static_cast<std::uint64_t>(j)));
  }
  const reference::AttentionKeys<double> keys{k, v, count - 1, headSize, 0.4};
  const auto value = [&] {
    std::vector<double> out(q.size());
    reference::attentionForward(out.data(), q.data(), keys);
    return dot(out, dout);
  };
  Rows dk(k.size(), std::vector<double>(q.size())), dv = dk;
  reference::attentionBackward(dq.data(), dk, dv, dout.data(), q.data(), keys);
  const std::vector<double> expected = centralDifferences(q, value);
  for (std::size_t d = 0; d < q.size(); d++) CHECK_NEAR(dq[d], expected[d], 1e-6, 1e-6);
  for (std::size_t j = 0; j < k.size(); j++) {
    const std::vector<double> expectedK = centralDifferences(k[j], value), expectedV = centralDifferences(v[j], value);
    for (std::size_t d = 0; d < q.size(); d++) {
      CHECK_NEAR(dk[j][d], expectedK[d], 1e-6, 1e-6);
      CHECK_NEAR(dv[j][d], expectedV[d], 1e-6, 1e-6);
    }
  }
}

}  // namespace agl::test
