// The laws of linear.h for weights of one byte on every kernel of the CPU.
#include "bf16_products.h"
#include "code_problem.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear.reference.h"
#include "packed_weights.h"

namespace agl::test {
namespace {

constexpr Dtype kCodeTypes[] = {Dtype::i8, Dtype::f8};

// Odd ones, one beyond each block: 32 columns of a step, 14 and 16 steps expanded at once, 96 and 256 rows, 3 and 6 panels.
constexpr Shape kShapes[] = {{1, 1, 1},      {3, 5, 3},     {5, 17, 31},    {1, 130, 97},  {2, 130, 97}, {15, 48, 33}, {17, 33, 1100},
                             {1, 40, 6200},  {8, 20, 1090}, {40, 97, 130}, {98, 50, 70}, {290, 40, 70}, {20, 530, 40}};

}  // namespace

TEST("weights of one byte: a code is the number that its format says, and bf16 holds it exactly") {
  for (const Dtype codes : kCodeTypes) {
    for (int code = 0; code < 256; code++) {
      if (!isNumber(codes, code)) continue;
      const float number = codeToF32(codes, static_cast<std::uint8_t>(code));
      CHECK(static_cast<double>(number) == codeValue(codes, code));
      CHECK(sameNumber(bf16ToF32(f32ToBf16(number)), number));
      CHECK(codeOf(codes, number, 1.0F) == code);
    }
  }
}

TEST("weights of one byte: pack gives each output the scale of its largest weight and each weight the nearest code, ties to even") {
  for (const Dtype codes : kCodeTypes) {
    for (const Shape s : {Shape{1, 1, 1}, Shape{1, 20, 3}, Shape{1, 33, 97}, Shape{1, 48, 64}}) {
      CodeProblem p(codes, s, true);
      onEveryBackend([&](Context& ctx) {
        PackedWeights w(ctx, codes, p.w, s.n, s.k);
        const Packed packed = w.packed();
        std::vector<std::uint8_t> expected(static_cast<std::size_t>(packed.elements()), 0);
        Floats numbers(p.w.size());
        for (std::size_t i = 0; i < p.bytes.size(); i++) {
          const auto n = static_cast<std::int64_t>(i) / s.k, k = static_cast<std::int64_t>(i) % s.k;
          expected[static_cast<std::size_t>(packed.at(n, k))] = p.bytes[i];
          numbers[i] = static_cast<float>(codeValue(codes, p.bytes[i])) * p.scales[static_cast<std::size_t>(n)];
        }
        CHECK(std::equal(expected.begin(), expected.end(), packed.codes()));
        for (std::int64_t n = 0; n < packed.panels() * 16; n++) {
          CHECK(sameNumber(packed.scales[n], n < s.n ? p.scales[static_cast<std::size_t>(n)] : 1.0F));
        }
        Apart back(s.n, s.k, kNan);
        ctx.ops.linear.unpack(ctx, back.view(), packed);
        CHECK(back.equals(numbers));
      });
    }
  }
}

TEST("weights of one byte: halves of a scale round to the even code, the weights of a bf16 file to the codes of their f32") {
  for (const Dtype codes : kCodeTypes) {
    // Scale 1 by the first weight; then halfway between two codes, exactly.
    const Floats i8 = {127, 0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -126.5F}, f8 = {448, 0x1p-10F, 0x1.8p-9F, 17, 19, -17, 232};
    const std::uint8_t i8Codes[] = {127, 0, 2, 2, 0, 254, 130}, f8Codes[] = {126, 0, 2, 0x58, 0x5a, 0xd8, 0x76};
    const Floats& w = codes == Dtype::i8 ? i8 : f8;
    const std::uint8_t* expected = codes == Dtype::i8 ? i8Codes : f8Codes;
    Pool pool(1, 64);
    Context ctx = cpuContext(pool, *scalarKernels());
    Packed packed = {nullptr, 1, 7, codes};
    std::vector<unsigned char> bytes(static_cast<std::size_t>(packed.bytes())), again = bytes;
    packed = packed.placed(bytes.data());
    ctx.ops.linear.pack(ctx, packed, matrix(const_cast<float*>(w.data()), 1, 7));
    for (std::int64_t k = 0; k < 7; k++) CHECK(packed.codes()[packed.at(0, k)] == expected[k]);
    CHECK(packed.scales[0] == 1.0F);
    Halves narrow = CodeProblem::rounded(w);
    ctx.ops.linear.pack(ctx, packed.placed(again.data()), {narrow.data(), Dtype::bf16, 1, 7, 7});
    CHECK(bytes == again);
  }
}

TEST("weights of one byte: a weight is off by half a step at most, in fp8 by a sixteenth of itself or half its smallest step") {
  const std::int64_t n = 40, k = 300;
  for (const Dtype codes : kCodeTypes) {
    CodeProblem p(codes, {1, n, k});
    Pool pool(1, 64);
    Context ctx = cpuContext(pool, *scalarKernels());
    PackedWeights packed(ctx, codes, p.w, n, k);
    Apart back(n, k, kNan);
    ctx.ops.linear.unpack(ctx, back.view(), packed.packed());
    double worst = 0;
    for (std::int64_t i = 0; i < n * k; i++) {
      const double weight = p.at(i / k, i % k), scale = p.scales[static_cast<std::size_t>(i / k)];
      const double bound = codes == Dtype::i8 ? scale / 2 : std::max(std::abs(weight) / 16, scale / 1024);
      const double rounding = 0x1p-23 * std::abs(weight);  // of the quotient, and of the product
      const double error = std::abs(static_cast<double>(back.row(i / k)[i % k]) - weight);
      CHECK_NEAR(error, 0, bound + rounding, 0);
      worst = std::max(worst, error / bound);
    }
    CHECK(worst > 0.9);
  }
}

TEST("weights of one byte: forward is the sum of bf16 over the codes, times the scale, on every instruction set") {
  for (const Dtype codes : kCodeTypes) {
    for (const Shape s : kShapes) {
      CodeProblem p(codes, s, s.n == 50);
      Floats sums(p.dy.size());
      reference::bf16LinearForward(sums.data(), p.roundedX().data(), p.q.data(), s.rows, s.n, s.k);
      const Floats expected = p.scaled(sums);
      onEveryProduct([&](Context& ctx) {
        PackedWeights w(ctx, codes, p.w, s.n, s.k);
        Apart y(s.rows, s.n, kNan), x(s.rows, s.k, p.x);
        ctx.ops.linear.forward(ctx, y.view(), x.view(), w.packed());
        CHECK(y.equals(expected));
      });
    }
  }
}

TEST("weights of one byte: every code multiplies as the number it is, in forward and in backwardInput") {
  for (const Dtype codes : kCodeTypes) {
    Floats values;  // the largest first: scale 1
    for (int code = 255; code >= 0; code--) {
      if (isNumber(codes, code)) values.push_back(static_cast<float>(codeValue(codes, code)));
    }
    const auto count = static_cast<std::int64_t>(values.size());
    onEveryProduct([&](Context& ctx) {
      PackedWeights w(ctx, codes, values, 1, count);
      Floats one(static_cast<std::size_t>(count * count));
      for (std::int64_t r = 0; r < count; r++) one[static_cast<std::size_t>(r * count + r)] = 1;
      Floats y(values.size(), kNan), dx(values.size());
      ctx.ops.linear.forward(ctx, matrix(y.data(), count, 1), matrix(one.data(), count, count), w.packed());
      CHECK(std::equal(y.begin(), y.end(), values.begin()));
      ctx.ops.linear.backwardInput(ctx, matrix(dx.data(), 1, count), matrix(one.data(), 1, 1), w.packed());
      CHECK(std::equal(dx.begin(), dx.end(), values.begin()));
    });
  }
}

TEST("weights of one byte: backwardInput rounds dy times the scale and adds the sum of bf16 over the codes to dx") {
  for (const Dtype codes : kCodeTypes) {
    for (const Shape s : kShapes) {
      CodeProblem p(codes, s);
      const Floats before = randomNumbers(s.rows * s.k, 4);
      Floats expected = before;
      const Halves dy = CodeProblem::rounded(p.scaledDy());
      reference::bf16LinearBackwardInput(expected.data(), dy.data(), p.q.data(), s.rows, s.n, s.k);
      onEveryProduct([&](Context& ctx) {
        PackedWeights w(ctx, codes, p.w, s.n, s.k);
        Apart dx(s.rows, s.k, before), dyAt(s.rows, s.n, p.dy);
        ctx.ops.linear.backwardInput(ctx, dx.view(), dyAt.view(), w.packed());
        CHECK(dx.equals(expected));
      });
    }
  }
}

TEST("weights of one byte: a row has the same bits in any batch, beside rows that are not numbers, and in a slice of the outputs") {
  const Shape s{100, 150, 550};
  for (const Dtype codes : kCodeTypes) {
    CodeProblem p(codes, s);
    onEveryProduct([&](Context& ctx) {
      if (ctx.kernels.isa == Isa::scalar && ctx.pool.threads() == 1) return;  // slow, and covered by two threads
      PackedWeights w(ctx, codes, p.w, s.n, s.k);
      Floats all(p.dy.size(), kNan);
      ctx.ops.linear.forward(ctx, matrix(all.data(), s.rows, s.n), matrix(p.x.data(), s.rows, s.k), w.packed());
      for (std::int64_t rows = 1; rows <= s.rows; rows += 1 + rows / 4) {
        const std::int64_t first = (7 * rows) % (s.rows - rows + 1), place = (5 * rows) % rows;
        Floats beside(static_cast<std::size_t>(rows * s.k), kNan), y(static_cast<std::size_t>(rows * s.n));
        std::copy_n(p.x.data() + first * s.k, s.k, beside.data() + place * s.k);
        ctx.ops.linear.forward(ctx, matrix(y.data(), rows, s.n), matrix(beside.data(), rows, s.k), w.packed());
        CHECK(sameNumbers(y.data() + place * s.n, all.data() + first * s.n, s.n));
      }
      for (const std::int64_t begin : {0, 64, 144}) {
        const std::int64_t count = std::min<std::int64_t>(64, s.n - begin);
        Apart y(3, count, kNan);
        ctx.ops.linear.forward(ctx, y.view(), matrix(p.x.data(), 3, s.k), w.packed().slice(begin, count));
        for (std::int64_t r = 0; r < 3; r++) CHECK(sameNumbers(y.row(r), all.data() + r * s.n + begin, count));
        CHECK(y.marksHold());
      }
    });
  }
}

TEST("weights of one byte: both directions stay within the scratch of products in bf16") {
  for (const Dtype codes : kCodeTypes) {
    for (const Shape s : kShapes) {
      CodeProblem p(codes, s);
      onEveryProduct([&](Context& ctx) {
        if (ctx.pool.threads() > 1) return;
        PackedWeights w(ctx, codes, p.w, s.n, s.k);
        const std::size_t floats = linearScratchBytes(codes, s.n) / sizeof(float);
        Floats scratch(floats + 64, 0.1F), dx(p.x.size()), y(p.dy.size());
        const LinearKernels& kernels = ctx.kernels.linearBf16;
        kernels.forward(y.data(), s.n, p.x.data(), s.k, s.rows, w.packed(), 0, w.packed().panels(), scratch.data());
        kernels.backwardInput(dx.data(), s.k, p.dy.data(), s.n, s.rows, w.packed(), 0, s.k, scratch.data());
        CHECK(std::all_of(scratch.begin() + static_cast<std::ptrdiff_t>(floats), scratch.end(),
                          [](float value) { return value == 0.1F; }));
      });
    }
  }
}

}  // namespace agl::test
