#include "ops/linear/linear.h"

#include <algorithm>

#include "core/half.h"
#include "ops/linear/linear.reference.h"
#include "packed_weights.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t rows, n, k;
};

// Odd ones, one beyond each tile, and beyond each block: 256 steps, 1,024 columns, 64 and 126 rows.
constexpr Shape kShapes[] = {{1, 1, 1},     {3, 5, 3},     {4, 33, 4},   {5, 17, 31},  {1, 130, 97}, {2, 130, 97},
                             {3, 130, 97},  {7, 40, 300},  {15, 48, 16}, {29, 16, 33}, {40, 97, 130}, {130, 97, 130},
                             {300, 16, 35}, {17, 33, 1100}, {70, 530, 35}, {1, 300, 1100}, {66, 20, 1030}};

struct Problem {
  Shape shape;
  Floats x, w, dy;
  explicit Problem(Shape s)
      : shape(s), x(randomNumbers(s.rows * s.k, 1)), w(randomNumbers(s.n * s.k, 2)), dy(randomNumbers(s.rows * s.n, 3)) {}
  PackedWeights pack(Context& ctx) const { return {ctx, Dtype::f32, w, shape.n, shape.k}; }
};

Floats forwardOf(const Problem& p) {
  Floats y(static_cast<std::size_t>(p.shape.rows * p.shape.n));
  reference::linearForward(y.data(), p.x.data(), p.w.data(), p.shape.rows, p.shape.n, p.shape.k);
  return y;
}

}  // namespace

TEST("linear: the reference's gradients are central differences") {
  for (const Shape s : {Shape{1, 1, 1}, Shape{3, 5, 4}, Shape{4, 3, 9}}) {
    std::vector<double> x = randomNumbers<double>(s.rows * s.k, 1), w = randomNumbers<double>(s.n * s.k, 2);
    const std::vector<double> dy = randomNumbers<double>(s.rows * s.n, 3);
    const auto value = [&] {
      std::vector<double> y(dy.size());
      reference::linearForward(y.data(), x.data(), w.data(), s.rows, s.n, s.k);
      return dot(y, dy);
    };
    std::vector<double> dx(x.size(), 0.1), dw(w.size(), 0.1);
    reference::linearBackwardInput(dx.data(), dy.data(), w.data(), s.rows, s.n, s.k);
    reference::linearBackwardWeight(dw.data(), dy.data(), x.data(), s.rows, s.n, s.k);
    const std::vector<double> expectedX = centralDifferences(x, value), expectedW = centralDifferences(w, value);
    for (std::size_t i = 0; i < dx.size(); i++) CHECK_NEAR(dx[i] - 0.1, expectedX[i], 1e-6, 1e-6);
    for (std::size_t i = 0; i < dw.size(); i++) CHECK_NEAR(dw[i] - 0.1, expectedW[i], 1e-6, 1e-6);
  }
}

TEST("linear: forward writes the bits of the one-chain reference on every device and instruction set") {
  for (const Shape s : kShapes) {
    Problem p(s);
    const Floats expected = forwardOf(p);
    onEveryDevice([&](Context& ctx) {
      PackedWeights w = p.pack(ctx);
      Apart y(s.rows, s.n, kNan, ctx.device), x(s.rows, s.k, p.x, ctx.device);
      ctx.ops.linear.forward(ctx, y.view(), x.view(), w.packed());
      CHECK(y.equals(expected));
    });
  }
}

TEST("linear: forwardEach gives each of several weights the bits of forward, however threads share them") {
  constexpr std::int64_t k = 700, ns[] = {130, 17, 200};
  const auto law = [&](Context& ctx) {
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::i8}) {
      for (const std::int64_t rows : {1, 40}) {
        Apart x(rows, k, randomNumbers(rows * k, 1), ctx.device);
        std::vector<PackedWeights> weights;
        std::vector<Apart> alone, together;
        std::vector<LinearOutput> outputs;
        for (const std::int64_t n : ns) {
          weights.emplace_back(ctx, dtype, randomNumbers(n * k, 10 + n), n, k);
          alone.emplace_back(rows, n, kNan, ctx.device);
          together.emplace_back(rows, n, kNan, ctx.device);
        }
        for (std::size_t i = 0; i < weights.size(); i++) {
          ctx.ops.linear.forward(ctx, alone[i].view(), x.view(), weights[i].packed());
          outputs.push_back({together[i].view(), weights[i].packed()});
        }
        ctx.ops.linear.forwardEach(ctx, x.view(), outputs);
        for (std::size_t i = 0; i < weights.size(); i++) {
          for (std::int64_t r = 0; r < rows; r++) CHECK(sameNumbers(together[i].row(r), alone[i].row(r), ns[i]));
          CHECK(together[i].marksHold());
        }
      }
    }
  };
  onEveryDevice(law, linearScratchBytes(Dtype::bf16, 1));
}

TEST("linear: a row of forward has the same bits in any batch, at any place, beside any other rows") {
  const Shape s{40, 150, 1100};
  Problem p(s);
  const Floats expected = forwardOf(p);
  onEveryDevice([&](Context& ctx) {
    // Slow, and covered by two threads.
    if (ctx.device.isHost() && ctx.kernels.isa == Isa::scalar && ctx.pool.threads() == 1) return;
    PackedWeights w = p.pack(ctx);
    Mirrored<float> x(ctx.device, p.x), poisoned(ctx.device, Floats(p.x.size(), kNan));
    for (std::int64_t rows = 1; rows <= s.rows; rows++) {
      const std::int64_t first = (7 * rows) % (s.rows - rows + 1);
      Mirrored<float> y(ctx.device, Floats(static_cast<std::size_t>(rows * s.n), kNan));
      ctx.ops.linear.forward(ctx, matrix(y.device(), rows, s.n), matrix(x.device(), s.rows, s.k).slice(first, rows), w.packed());
      CHECK(sameNumbers(y.host().data(), expected.data() + first * s.n, rows * s.n));

      const std::int64_t place = (5 * rows) % rows;
      std::copy_n(p.x.data() + first * s.k, s.k, poisoned.host().data() + place * s.k);
      ctx.ops.linear.forward(ctx, matrix(y.device(), rows, s.n), matrix(poisoned.device(), rows, s.k), w.packed());
      CHECK(sameNumbers(y.host().data() + place * s.n, expected.data() + first * s.n, s.n));
      std::fill_n(poisoned.host().data() + place * s.k, s.k, kNan);
    }
  });
}

TEST("linear: a negative sum too small for a float is -0, with nothing added beyond the last product") {
  const Shape s{1, 1, 1};
  Problem p(s);
  p.x = {-1e-30F};
  p.w = {1e-30F};
  onEveryDevice([&](Context& ctx) {
    PackedWeights w = p.pack(ctx);
    Apart y(1, 1, kNan, ctx.device), x(1, 1, p.x, ctx.device);
    ctx.ops.linear.forward(ctx, y.view(), x.view(), w.packed());
    CHECK(y.equals({-0.0F}));
  });
}

TEST("linear: a slice of the packed outputs gives the same bits as the whole") {
  const Shape s{3, 200, 50};
  Problem p(s);
  const Floats expected = forwardOf(p);
  onEveryDevice([&](Context& ctx) {
    PackedWeights w = p.pack(ctx);
    for (const std::int64_t begin : {0, 64, 192}) {
      const std::int64_t count = std::min<std::int64_t>(64, s.n - begin);
      Apart y(s.rows, count, kNan, ctx.device), x(s.rows, s.k, p.x, ctx.device);
      ctx.ops.linear.forward(ctx, y.view(), x.view(), w.packed().slice(begin, count));
      for (std::int64_t r = 0; r < s.rows; r++) {
        CHECK(sameNumbers(y.row(r), expected.data() + r * s.n + begin, count));
      }
      CHECK(y.marksHold());
    }
  });
}

TEST("linear: backwardInput adds one chain over the outputs to dx, the same bits on every device and instruction set") {
  for (const Shape s : kShapes) {
    Problem p(s);
    const Floats before = randomNumbers(s.rows * s.k, 4);
    Floats expected = before;
    reference::linearBackwardInput(expected.data(), p.dy.data(), p.w.data(), s.rows, s.n, s.k);
    const auto law = [&](Context& ctx) {
      PackedWeights w = p.pack(ctx);
      Apart dx(s.rows, s.k, before, ctx.device), dy(s.rows, s.n, p.dy, ctx.device);
      ctx.ops.linear.backwardInput(ctx, dx.view(), dy.view(), w.packed());
      CHECK(dx.equals(expected));
    };
    onEveryDevice(law, linearScratchBytes(Dtype::f32, s.n));
  }
}

TEST("linear: backwardInput stays within its scratch") {
  for (const Shape s : kShapes) {
    Problem p(s);
    onEveryBackend([&](Context& ctx) {
      PackedWeights w = p.pack(ctx);
      const std::size_t floats = linearScratchBytes(Dtype::f32, s.n) / sizeof(float);
      Floats scratch(floats + 64, 0.1F), dx(p.x.size());
      ctx.kernels.linear.backwardInput(dx.data(), s.k, p.dy.data(), s.n, s.rows, w.packed(), 0, s.k, scratch.data());
      CHECK(std::all_of(scratch.begin() + static_cast<std::ptrdiff_t>(floats), scratch.end(),
                        [](float value) { return value == 0.1F; }));
    });
  }
}

TEST("linear: backwardWeight continues dw's chains over the rows, the same bits on every instruction set") {
  for (const Shape s : kShapes) {
    Problem p(s);
    const Floats before = randomNumbers(s.n * s.k, 4);
    Floats expected = before;
    reference::linearBackwardWeight(expected.data(), p.dy.data(), p.x.data(), s.rows, s.n, s.k);
    onEveryBackend([&](Context& ctx) {
      Apart dw(s.n, s.k, before), dy(s.rows, s.n, p.dy), x(s.rows, s.k, p.x);
      ctx.ops.linear.backwardWeight(ctx, dw.view(), dy.view(), x.view());
      CHECK(dw.equals(expected));
    });
  }
}

TEST("linear: pack writes every lane, zero beyond the outputs, and unpack gives the weights back") {
  for (const Shape s : kShapes) {
    Problem p(s);
    onEveryBackend([&](Context& ctx) {
      Apart back(s.n, s.k, kNan);
      PackedWeights w = p.pack(ctx);
      const Packed packed = w.packed();
      for (std::int64_t i = 0; i < packed.elements(); i++) {
        const std::int64_t k = i / 16 % s.k, n = i / 16 / s.k * 16 + i % 16;
        const float expected = n < s.n ? p.w[static_cast<std::size_t>(n * s.k + k)] : 0.0F;
        CHECK(sameNumber(packed.f32()[i], expected));
        if (n < s.n) CHECK(packed.at(n, k) == i);
      }
      ctx.ops.linear.unpack(ctx, back.view(), packed);
      CHECK(back.equals(p.w));
    });
  }
}

TEST("linear: pack widens all 65,536 numbers of both half-precision formats exactly") {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); i++) all[i] = static_cast<std::uint16_t>(i);
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16}) {
    onEveryDevice([&](Context& ctx) {
      Mirrored<float> numbers(ctx.device, Floats(65536, kNan)), back(ctx.device, Floats(65536, kNan));
      Mirrored<std::uint16_t> halves(ctx.device, all);
      const Packed packed{numbers.device(), 256, 256};
      ctx.ops.linear.pack(ctx, packed, {halves.device(), dtype, 256, 256, 256});
      ctx.ops.linear.unpack(ctx, matrix(back.device(), 256, 256), packed);
      const int mantissaBits = dtype == Dtype::bf16 ? 7 : 10, bias = dtype == Dtype::bf16 ? 127 : 15;
      for (std::uint32_t bits = 0; bits < 65536; bits++) {
        const int exponent = static_cast<int>((bits & 0x7fffU) >> mantissaBits);
        const int mantissa = static_cast<int>(bits & ((1U << mantissaBits) - 1));
        double expected = exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissaBits)
                                        : std::ldexp(mantissa + (1 << mantissaBits), exponent - bias - mantissaBits);
        if (exponent == 2 * bias + 1) expected = mantissa == 0 ? HUGE_VAL : std::nan("");
        if (bits & 0x8000U) expected = -expected;
        CHECK(sameNumber(back.host()[bits], static_cast<float>(expected)));
      }
    });
  }
}

}  // namespace agl::test
