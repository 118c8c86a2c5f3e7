#include <algorithm>
#include <limits>

#include "bf16_products.h"
#include "core/half.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear.reference.h"
#include "software_tiles.h"

namespace agl::test {
namespace {

using Halves = std::vector<std::uint16_t>;

struct Shape {
  std::int64_t rows, n, k;
};

// Odd ones, one beyond each tile, and beyond each block: 32 columns of a step, 512 of a group, 1,024 sums, 96 rows;
// on tiles 14 steps of a strip, 256 rows.
constexpr Shape kShapes[] = {{1, 1, 1},     {3, 5, 3},     {4, 33, 4},    {5, 17, 31},   {1, 130, 97},  {2, 130, 97},
                             {3, 130, 32},  {7, 40, 300},  {15, 48, 33},  {9, 16, 33},   {40, 97, 130}, {98, 50, 70},
                             {200, 16, 35}, {17, 33, 1100}, {10, 530, 35}, {1, 40, 6200}, {8, 20, 6200}, {5, 20, 1090},
                             {49, 37, 1000}, {290, 40, 70}, {33, 16, 500}, {20, 1830, 40}};

Halves roundedOf(const Floats& numbers) {
  Halves out(numbers.size());
  std::transform(numbers.begin(), numbers.end(), out.begin(), f32ToBf16);
  return out;
}

// The smallest bf16 numbers among others: products of theirs are subnormal, some of them are themselves.
void makeSomeTiny(Floats& numbers) {
  constexpr float scales[] = {1.0F, 1e-30F, 1e-38F, 3e-39F};
  for (std::size_t i = 0; i < numbers.size(); i++) numbers[i] *= scales[i * 7 % 4];
}

struct Problem {
  Shape shape;
  Floats x, w, dy;
  Halves packed;
  explicit Problem(Shape s, bool tiny = false)
      : shape(s), x(randomNumbers(s.rows * s.k, 1)), w(randomNumbers(s.n * s.k, 2)), dy(randomNumbers(s.rows * s.n, 3)) {
    if (!tiny) return;
    for (Floats* numbers : {&x, &w, &dy}) makeSomeTiny(*numbers);
  }
  Packed pack(Context& ctx) {
    Packed out{nullptr, shape.n, shape.k, Dtype::bf16};
    packed.assign(static_cast<std::size_t>(out.elements()), 0x7fc0);
    out.data = packed.data();
    ctx.ops.linear.pack(ctx, out, matrix(w.data(), shape.n, shape.k));
    return out;
  }
  Floats forward() const {
    Floats y(static_cast<std::size_t>(shape.rows * shape.n));
    reference::bf16LinearForward(y.data(), roundedOf(x).data(), roundedOf(w).data(), shape.rows, shape.n, shape.k);
    return y;
  }
};

}  // namespace

TEST("linear in bf16: forward writes the bits of the software TDPBF16PS on every instruction set") {
  for (const bool tiny : {false, true}) {
    for (const Shape s : kShapes) {
      Problem p(s, tiny);
      const Floats expected = p.forward();
      onEveryProduct([&](Context& ctx) {
        const Packed w = p.pack(ctx);
        Apart y(s.rows, s.n, kNan), x(s.rows, s.k, p.x);
        ctx.ops.linear.forward(ctx, y.view(), x.view(), w);
        CHECK(y.equals(expected));
      });
    }
  }
}

TEST("linear in bf16: the software TDPBF16PS is not one chain, and flushes what is subnormal") {
  const Shape s{1, 1, 500};
  Problem p(s);
  Floats chain(1);
  Floats x = p.x, w = p.w;
  for (Floats* numbers : {&x, &w}) {
    for (float& number : *numbers) number = bf16ToF32(f32ToBf16(number));
  }
  reference::linearForward(chain.data(), x.data(), w.data(), 1, 1, s.k);
  CHECK(chain[0] != p.forward()[0]);
  const std::uint16_t tiny[2] = {f32ToBf16(1e-30F), f32ToBf16(2e-39F)}, other[2] = {f32ToBf16(1e-9F), f32ToBf16(1.0F)};
  CHECK(reference::bf16Sum(tiny, 1, other, 1, 2) == 0.0F);
}

TEST("linear in bf16: a sum just below the smallest normal number is zero, though its subnormal rounding would be that") {
  // 2^-126 - 0.75 * 2^-150
  Problem p({1, 1, 3});
  p.x = {0x1p-63F, 0.0F, -0x1.8p-75F};
  p.w = {0x1p-63F, 0.0F, 0x1p-76F};
  CHECK(p.forward()[0] == 0.0F);
  onEveryProduct([&](Context& ctx) {
    const Packed w = p.pack(ctx);
    float y = kNan;
    ctx.ops.linear.forward(ctx, matrix(&y, 1, 1), matrix(p.x.data(), 1, 3), w);
    CHECK(y == 0.0F);
  });
}

TEST("linear in bf16: a row of forward has the same bits in any batch, at any place, beside any other rows") {
  const Shape s{100, 70, 550};
  Problem p(s);
  const Floats expected = p.forward();
  Floats poisoned(static_cast<std::size_t>(s.rows * s.k), kNan);
  onEveryProduct([&](Context& ctx) {
    if (ctx.kernels.isa == Isa::scalar && ctx.pool.threads() == 1) return;  // slow, and covered by two threads
    const Packed w = p.pack(ctx);
    for (std::int64_t rows = 1; rows <= s.rows; rows += 1 + rows / 8) {
      const std::int64_t first = (7 * rows) % (s.rows - rows + 1);
      Floats y(static_cast<std::size_t>(rows * s.n), kNan);
      ctx.ops.linear.forward(ctx, matrix(y.data(), rows, s.n), matrix(p.x.data(), s.rows, s.k).slice(first, rows), w);
      CHECK(sameNumbers(y.data(), expected.data() + first * s.n, rows * s.n));

      const std::int64_t place = (5 * rows) % rows;
      std::copy_n(p.x.data() + first * s.k, s.k, poisoned.data() + place * s.k);
      ctx.ops.linear.forward(ctx, matrix(y.data(), rows, s.n), matrix(poisoned.data(), rows, s.k), w);
      CHECK(sameNumbers(y.data() + place * s.n, expected.data() + first * s.n, s.n));
      std::fill_n(poisoned.data() + place * s.k, s.k, kNan);
    }
  });
}

TEST("linear in bf16: a slice of the packed outputs gives the same bits as the whole") {
  const Shape s{3, 200, 50};
  Problem p(s);
  const Floats expected = p.forward();
  onEveryProduct([&](Context& ctx) {
    const Packed w = p.pack(ctx);
    for (const std::int64_t begin : {0, 64, 192}) {
      const std::int64_t count = std::min<std::int64_t>(64, s.n - begin);
      Apart y(s.rows, count, kNan);
      ctx.ops.linear.forward(ctx, y.view(), matrix(p.x.data(), s.rows, s.k), w.slice(begin, count));
      for (std::int64_t r = 0; r < s.rows; r++) {
        CHECK(sameNumbers(y.row(r), expected.data() + r * s.n + begin, count));
      }
      CHECK(y.marksHold());
    }
  });
}

TEST("linear in bf16: backwardInput adds one sum over the outputs to dx, the same bits on every instruction set") {
  for (const bool tiny : {false, true}) {
    for (const Shape s : kShapes) {
      Problem p(s, tiny);
      Floats before = randomNumbers(s.rows * s.k, 4);
      if (tiny) makeSomeTiny(before);  // what dx holds keeps its subnormals
      Floats expected = before;
      reference::bf16LinearBackwardInput(expected.data(), roundedOf(p.dy).data(), roundedOf(p.w).data(), s.rows, s.n,
                                         s.k);
      const auto law = [&](Context& ctx) {
        const Packed w = p.pack(ctx);
        Apart dx(s.rows, s.k, before), dy(s.rows, s.n, p.dy);
        ctx.ops.linear.backwardInput(ctx, dx.view(), dy.view(), w);
        CHECK(dx.equals(expected));
      };
      onEveryProduct(law);
    }
  }
}

TEST("linear in bf16: both directions stay within their scratch") {
  for (const Shape s : kShapes) {
    Problem p(s);
    onEveryProduct([&](Context& ctx) {
      const Packed w = p.pack(ctx);
      const std::size_t floats = linearScratchBytes(Dtype::bf16, s.n) / sizeof(float);
      Floats scratch(floats + 64, 0.1F), dx(p.x.size()), y(p.dy.size());
      const LinearKernels& kernels = ctx.kernels.linearBf16;
      kernels.forward(y.data(), s.n, p.x.data(), s.k, s.rows, w, 0, w.panels(), scratch.data());
      kernels.backwardInput(dx.data(), s.k, p.dy.data(), s.n, s.rows, w, 0, s.k, scratch.data());
      CHECK(std::all_of(scratch.begin() + static_cast<std::ptrdiff_t>(floats), scratch.end(),
                        [](float value) { return value == 0.1F; }));
    });
  }
}

// Both directions of one table against the reference, in the first row, one in the middle and the last.
void checkSomeRows(const LinearKernels& kernels, const Shape& s) {
  Pool pool(1, linearScratchBytes(Dtype::bf16, s.n));
  Context ctx = cpuContext(pool, *kernelsOf(Isa::scalar));
  Problem p(s);
  const Packed w = p.pack(ctx);
  auto* scratch = static_cast<float*>(pool.scratch(0, pool.scratchBytes()));
  Floats y(p.dy.size(), kNan), dx = p.x;
  kernels.forward(y.data(), s.n, p.x.data(), s.k, s.rows, w, 0, w.panels(), scratch);
  kernels.backwardInput(dx.data(), s.k, p.dy.data(), s.n, s.rows, w, 0, s.k, scratch);
  const Halves weights = roundedOf(p.w), x = roundedOf(p.x), dy = roundedOf(p.dy);
  for (const std::int64_t row : {std::int64_t{0}, s.rows / 2, s.rows - 1}) {
    Floats yRow(static_cast<std::size_t>(s.n)), dxRow(p.x.begin() + row * s.k, p.x.begin() + (row + 1) * s.k);
    reference::bf16LinearForward(yRow.data(), x.data() + row * s.k, weights.data(), 1, s.n, s.k);
    reference::bf16LinearBackwardInput(dxRow.data(), dy.data() + row * s.n, weights.data(), 1, s.n, s.k);
    CHECK(sameNumbers(y.data() + row * s.n, yRow.data(), s.n));
    CHECK(sameNumbers(dx.data() + row * s.k, dxRow.data(), s.k));
  }
}

TEST("linear in bf16: on tiles, sums wait between blocks of operands and of open chains without changing a bit") {
  // Forward and backwardInput beyond the operand's columns, then beyond 1,024 open chains, then beyond 512 rows.
  for (const Shape s : {Shape{16, 33, 28'700}, Shape{17, 1800, 1060}, Shape{256, 1050, 1800}, Shape{550, 200, 40}}) {
    checkSomeRows(isaSupported(Isa::avx2) ? *avx2TileProducts() : *scalarTileProducts(), s);
    if (const Kernels* kernels = kernelsOf(Isa::amx)) checkSomeRows(kernels->linearBf16, s);
  }
}

TEST("linear in bf16: pack rounds once, writes zero beyond the weights, and unpack gives the rounded weights back") {
  for (const Shape s : kShapes) {
    Problem p(s);
    const Halves rounded = roundedOf(p.w);
    onEveryProduct([&](Context& ctx) {
      const Packed packed = p.pack(ctx);
      Halves expected(static_cast<std::size_t>(packed.elements()), 0);
      for (std::int64_t n = 0; n < s.n; n++) {
        for (std::int64_t k = 0; k < s.k; k++) {
          const std::int64_t tile = n / 16 * ((s.k + 31) / 32) + k / 32;
          expected[static_cast<std::size_t>(tile * 512 + k % 32 / 2 * 32 + n % 16 * 2 + k % 2)] =
              rounded[static_cast<std::size_t>(n * s.k + k)];
        }
      }
      CHECK(std::equal(expected.begin(), expected.end(), packed.bf16()));
      Apart back(s.n, s.k, kNan);
      Floats numbers(rounded.size());
      std::transform(rounded.begin(), rounded.end(), numbers.begin(), bf16ToF32);
      ctx.ops.linear.unpack(ctx, back.view(), packed);
      CHECK(back.equals(numbers));
    });
  }
}

TEST("linear in bf16: rounding is to the nearest, ties to even, on every instruction set and for every kind of number") {
  Floats numbers = randomNumbers(1000, 5);
  for (const float special : {0.0F, -0.0F, 1e-40F, 3.4e38F, 3.3961e38F, HUGE_VALF, -HUGE_VALF, kNan, 1.00390625F, 1.01171875F}) {
    numbers.push_back(special);
  }
  for (const float number : numbers) {
    const float rounded = bf16ToF32(f32ToBf16(number));
    if (std::isnan(number)) {
      CHECK(std::isnan(rounded));
      continue;
    }
    // Neighbours have a last bit that differs; the nearer one wins, among equals the even one.
    const double distance = std::abs(static_cast<double>(number) - static_cast<double>(rounded));
    for (const int step : {-1, 1}) {
      const auto bits = static_cast<std::uint16_t>(f32ToBf16(number) + step);
      const double other = std::abs(static_cast<double>(number) - static_cast<double>(bf16ToF32(bits)));
      if (std::isfinite(number) && std::isfinite(rounded) && !std::isnan(other)) {
        CHECK(distance < other || (distance == other && f32ToBf16(number) % 2 == 0) || rounded == 0.0F);
      }
    }
    // One column of one weight 1: forward gives the rounded operand back.
    onEveryProduct([&](Context& ctx) {
      Problem p({1, 1, 1});
      p.w[0] = 1.0F;
      p.x[0] = number;
      const Packed w = p.pack(ctx);
      float y = kNan;
      ctx.ops.linear.forward(ctx, matrix(&y, 1, 1), matrix(p.x.data(), 1, 1), w);
      const bool subnormal = std::abs(number) < std::numeric_limits<float>::min();
      CHECK(sameNumber(y, subnormal ? 0.0F : rounded));
    });
  }
}

}  // namespace agl::test
